/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* The switch on AArch64, AAPCS64: x19 to x29, sp, and the low halves of v8 to v15 belong to the
 * caller; x30 is where to go on. The floating point control register does not. */
#ifdef __aarch64__
    .text

/* void nohi_fiber_jump_to(void **save, void *sp) */
    .globl nohi_fiber_jump_to
    .hidden nohi_fiber_jump_to
    .type nohi_fiber_jump_to, %function
    .balign 16
nohi_fiber_jump_to:
    .cfi_startproc
    hint #34 /* bti c */
    sub sp, sp, #160
    .cfi_adjust_cfa_offset 160
    stp x19, x20, [sp]
    .cfi_rel_offset x19, 0
    .cfi_rel_offset x20, 8
    stp x21, x22, [sp, #16]
    .cfi_rel_offset x21, 16
    .cfi_rel_offset x22, 24
    stp x23, x24, [sp, #32]
    .cfi_rel_offset x23, 32
    .cfi_rel_offset x24, 40
    stp x25, x26, [sp, #48]
    .cfi_rel_offset x25, 48
    .cfi_rel_offset x26, 56
    stp x27, x28, [sp, #64]
    .cfi_rel_offset x27, 64
    .cfi_rel_offset x28, 72
    stp x29, x30, [sp, #80]
    .cfi_rel_offset x29, 80
    .cfi_rel_offset x30, 88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    mov x9, sp
    str x9, [x0]
    mov sp, x1
    ldp x19, x20, [sp]
    .cfi_restore x19
    .cfi_restore x20
    ldp x21, x22, [sp, #16]
    .cfi_restore x21
    .cfi_restore x22
    ldp x23, x24, [sp, #32]
    .cfi_restore x23
    .cfi_restore x24
    ldp x25, x26, [sp, #48]
    .cfi_restore x25
    .cfi_restore x26
    ldp x27, x28, [sp, #64]
    .cfi_restore x27
    .cfi_restore x28
    ldp x29, x16, [sp, #80]
    .cfi_restore x29
    .cfi_register x30, x16
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    add sp, sp, #160
    .cfi_adjust_cfa_offset -160
    br x16
    .cfi_endproc
    .size nohi_fiber_jump_to, . - nohi_fiber_jump_to

/* Where a new fiber, which x19 points to, goes on. No frame is above it. */
    .globl nohi_fiber_begin
    .hidden nohi_fiber_begin
    .type nohi_fiber_begin, %function
    .balign 16
nohi_fiber_begin:
    .cfi_startproc
    .cfi_undefined x30
    hint #36 /* bti j */
    mov x0, x19
    bl nohi_fiber_enter
    brk #0
    .cfi_endproc
    .size nohi_fiber_begin, . - nohi_fiber_begin
#endif
    .section .note.GNU-stack, "", %progbits
