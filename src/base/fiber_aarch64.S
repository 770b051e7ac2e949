/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The switch on AArch64, AAPCS64: x19 to x29, sp, and the low halves of v8 to v15 belong to the
 * caller; x30 is where to go on. The floating point control register does not. */
#ifdef __aarch64__
    .text

/* void nohi_fiber_jump(void **save, void *sp) */
    .globl nohi_fiber_jump
    .hidden nohi_fiber_jump
    .type nohi_fiber_jump, %function
    .balign 16
nohi_fiber_jump:
    .cfi_startproc
    hint #34 /* bti c */
    sub sp, sp, #160
    stp x19, x20, [sp]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x16, [sp, #80]
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    br x16
    .cfi_endproc
    .size nohi_fiber_jump, . - nohi_fiber_jump

/* Where a new fiber goes on: x19(x20). No frame is above it. */
    .globl nohi_fiber_begin
    .hidden nohi_fiber_begin
    .type nohi_fiber_begin, %function
    .balign 16
nohi_fiber_begin:
    .cfi_startproc
    .cfi_undefined x30
    hint #36 /* bti j */
    mov x0, x20
    blr x19
    brk #0
    .cfi_endproc
    .size nohi_fiber_begin, . - nohi_fiber_begin
#endif
    .section .note.GNU-stack, "", %progbits
