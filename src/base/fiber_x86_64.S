/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The switch on x86-64, System V ABI: rbx, rbp, r12 to r15, rsp, and the control words of the two
 * floating point units belong to the caller. What it looks like on the stack of who does not run, from
 * its sp upwards: control words, r15, r14, r13, r12, rbx, rbp, where to go on. The .cfi lines hold at each
 * instruction, on either stack: who looks at calls from a signal may come at any. */
#ifdef __x86_64__
    .text

/* void *nohi_fiber_jump(void **save, void *sp) */
    .globl nohi_fiber_jump
    .hidden nohi_fiber_jump
    .type nohi_fiber_jump, @function
    .balign 16
nohi_fiber_jump:
    .cfi_startproc
    endbr64
    pushq %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbp, 0
    pushq %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset rbx, 0
    pushq %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r12, 0
    pushq %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r13, 0
    pushq %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r14, 0
    pushq %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset r15, 0
    subq $8, %rsp
    .cfi_adjust_cfa_offset 8
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    /* Each read as it was written: both at once would wait for the stores to leave the processor. */
    movl (%rsp), %eax
    movzwl 4(%rsp), %ecx
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    /* Loading them is dear, and they are nearly always the same. */
    cmpl (%rsp), %eax
    jne 2f
    cmpw 4(%rsp), %cx
    jne 2f
1:  addq $8, %rsp
    .cfi_remember_state
    .cfi_adjust_cfa_offset -8
    popq %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore r15
    popq %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore r14
    popq %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore r13
    popq %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore r12
    popq %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbx
    popq %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore rbp
    popq %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register rip, rcx
    notrack jmpq *%rcx
2:  .cfi_restore_state
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp 1b
    .cfi_endproc
    .size nohi_fiber_jump, . - nohi_fiber_jump

/* Where a new fiber goes on: r12(r13). No frame is above it. */
    .globl nohi_fiber_begin
    .hidden nohi_fiber_begin
    .type nohi_fiber_begin, @function
    .balign 16
nohi_fiber_begin:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq %r13, %rdi
    callq *%r12
    ud2
    .cfi_endproc
    .size nohi_fiber_begin, . - nohi_fiber_begin
#endif
    .section .note.GNU-stack, "", @progbits
