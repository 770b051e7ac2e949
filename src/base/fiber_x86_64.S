/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The switch on x86-64, System V ABI: rbx, rbp, r12 to r15, rsp, and the control words of the two
 * floating point units belong to the caller. What it looks like on the stack of who does not run, from
 * its sp upwards: control words, r15, r14, r13, r12, rbx, rbp, where to go on. */
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
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    pushq $0
    stmxcsr (%rsp)
    fnstcw 4(%rsp)
    movq (%rsp), %rax
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    /* Loading them is dear, and they are nearly always the same. */
    cmpq (%rsp), %rax
    jne 2f
1:  addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    notrack jmpq *%rcx
2:  ldmxcsr (%rsp)
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
