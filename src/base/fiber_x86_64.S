/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright The Noh Authors */
/* Where a new fiber, which rsi points to, goes on (fiber.h). No frame is above it. */
#ifdef __x86_64__
    .text

    .globl nohi_fiber_begin
    .hidden nohi_fiber_begin
    .type nohi_fiber_begin, @function
    .balign 16
nohi_fiber_begin:
    .cfi_startproc
    .cfi_undefined rip
    endbr64
    movq %rsi, %rdi
    callq nohi_fiber_enter
    ud2
    .cfi_endproc
    .size nohi_fiber_begin, . - nohi_fiber_begin
#endif
    .section .note.GNU-stack, "", @progbits
