// fiber_aarch64.S: the switch between two stacks, AAPCS64.
//
// tri_fiber_swap(from, to) is an ordinary call to whoever makes it, so only what a callee must keep
// is kept: x19 to x28, the frame pointer x29, the link register x30, the low halves of v8 to v15,
// and fpcr (rounding, flush to zero). It goes on the stack that is left, its pointer into *from:
//
//     sp  ->  x19 … x28, x29, x30       at   0
//             d8 … d15                  at  96
//             fpcr, unused              at 160, 176 bytes in all
//
// struct frame in fiber.c draws the same picture for a stack that has not run yet.
//
// An equal fpcr, the usual case, is not written: see fiber_x86_64.S for what waiting costs. The code
// is entered through branch target `bti c` (hint 34, a no-op elsewhere) and left by ret, which needs
// none. x30 is stored unsigned, and in the keeping of our own stack; callers sign theirs as compiled.

// The choice that fiber.h makes.
#if defined(__aarch64__) && !defined(TRI_FIBER_PORTABLE)

    .text

    .globl tri_fiber_swap
    .hidden tri_fiber_swap
    .type tri_fiber_swap, %function
    .p2align 4
tri_fiber_swap:
    .cfi_startproc
    hint #34
    sub sp, sp, #176
    .cfi_def_cfa_offset 176
    stp x19, x20, [sp, #0]
    stp x21, x22, [sp, #16]
    stp x23, x24, [sp, #32]
    stp x25, x26, [sp, #48]
    stp x27, x28, [sp, #64]
    stp x29, x30, [sp, #80]
    .cfi_offset x19, -176
    .cfi_offset x20, -168
    .cfi_offset x21, -160
    .cfi_offset x22, -152
    .cfi_offset x23, -144
    .cfi_offset x24, -136
    .cfi_offset x25, -128
    .cfi_offset x26, -120
    .cfi_offset x27, -112
    .cfi_offset x28, -104
    .cfi_offset x29, -96
    .cfi_offset x30, -88
    stp d8, d9, [sp, #96]
    stp d10, d11, [sp, #112]
    stp d12, d13, [sp, #128]
    stp d14, d15, [sp, #144]
    .cfi_offset d8, -80
    .cfi_offset d9, -72
    .cfi_offset d10, -64
    .cfi_offset d11, -56
    .cfi_offset d12, -48
    .cfi_offset d13, -40
    .cfi_offset d14, -32
    .cfi_offset d15, -24
    mrs x9, fpcr
    str x9, [sp, #160]

    mov x10, sp
    str x10, [x0]
    ldr x10, [x1]
    mov sp, x10

    ldr x10, [sp, #160]
    cmp x9, x10
    b.eq 1f
    msr fpcr, x10
1:
    ldp d8, d9, [sp, #96]
    ldp d10, d11, [sp, #112]
    ldp d12, d13, [sp, #128]
    ldp d14, d15, [sp, #144]
    ldp x19, x20, [sp, #0]
    ldp x21, x22, [sp, #16]
    ldp x23, x24, [sp, #32]
    ldp x25, x26, [sp, #48]
    ldp x27, x28, [sp, #64]
    ldp x29, x30, [sp, #80]
    .cfi_same_value x19
    .cfi_same_value x20
    .cfi_same_value x21
    .cfi_same_value x22
    .cfi_same_value x23
    .cfi_same_value x24
    .cfi_same_value x25
    .cfi_same_value x26
    .cfi_same_value x27
    .cfi_same_value x28
    .cfi_same_value x29
    .cfi_same_value x30
    .cfi_same_value d8
    .cfi_same_value d9
    .cfi_same_value d10
    .cfi_same_value d11
    .cfi_same_value d12
    .cfi_same_value d13
    .cfi_same_value d14
    .cfi_same_value d15
    add sp, sp, #176
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size tri_fiber_swap, . - tri_fiber_swap

// Where a new stack's x30 points. x19: the function to call, x20 and x21: its arguments. Nobody
// called this: unwinding ends here, by the missing x30 as by the zero x29.
    .globl tri_fiber_start
    .hidden tri_fiber_start
    .type tri_fiber_start, %function
    .p2align 4
tri_fiber_start:
    .cfi_startproc
    .cfi_undefined x30
    .cfi_def_cfa sp, 0
    hint #34
    mov x29, #0
    mov x30, #0
    mov x0, x20
    mov x1, x21
    blr x19
    brk #0
    .cfi_endproc
    .size tri_fiber_start, . - tri_fiber_start

    .section .note.gnu.property, "a", %note
    .p2align 3
    .word 4, 16, 5          // sizes of name and contents, NT_GNU_PROPERTY_TYPE_0
    .asciz "GNU"
    .word 0xc0000000, 4     // GNU_PROPERTY_AARCH64_FEATURE_1_AND, four bytes
    .word 1, 0              // BTI; padding

#endif

    .section .note.GNU-stack, "", %progbits
