// fiber_x86_64.S: the switch between two stacks, System V ABI.
//
// tri_fiber_swap(from, to) is an ordinary call to whoever makes it, so only what a callee must keep
// is kept: rbx, rbp, r12 to r15, and the control halves of the SSE and x87 units (rounding,
// precision, exception masks). It goes on the stack that is left, and the stack pointer into *from:
//
//     sp  ->  mxcsr (4 bytes), x87 control word (2), unused (2)
//             r15  r14  r13  r12  rbx  rbp
//             return address
//
// struct frame in fiber.c draws the same picture for a stack that has not run yet.
//
// Leaving by pop and jmp instead of ret: the processor predicts a ret to lead back to the call that
// it remembers, which here is always the wrong one; an indirect jump is predicted by its history.
//
// The control words are loaded only where they differ, and not for the price of the loading: the
// processor goes on behind a predicted comparison, but it waits at a load of controls until the
// stack has come from memory. Always loading takes 5 ns per switch between two hot stacks instead
// of 7, and 55 instead of 22 in a ring of 10,000. The low six bits of mxcsr, what happened so far,
// are nobody's to keep.
//
// Control-flow enforcement: entry points carry endbr64, and the jump back into the middle of a
// function is marked notrack. The object declares IBT and leaves out SHSTK, because the shadow stack
// is not switched: a program with this in it runs without shadow stacks rather than dying of one.
//
// The unwind rows hold at every instruction, also after rsp has changed: both stacks have the same
// layout above it.

// The choice that fiber.h makes.
#if defined(__x86_64__) && !defined(TRI_FIBER_PORTABLE)

    .text

    .globl tri_fiber_swap
    .hidden tri_fiber_swap
    .type tri_fiber_swap, @function
    .p2align 4
tri_fiber_swap:
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
    movl (%rsp), %eax
    movzwl 4(%rsp), %edx

    movq %rsp, (%rdi)
    movq (%rsi), %rsp

    xorl (%rsp), %eax
    testl $0xffc0, %eax
    jne .Lload_controls
    cmpw %dx, 4(%rsp)
    jne .Lload_controls
.Lhave_controls:
    addq $8, %rsp
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
    notrack jmp *%rcx

    // The whole frame is still on the stack here.
    .cfi_def_cfa rsp, 64
    .cfi_restore rip
    .cfi_rel_offset rbp, 48
    .cfi_rel_offset rbx, 40
    .cfi_rel_offset r12, 32
    .cfi_rel_offset r13, 24
    .cfi_rel_offset r14, 16
    .cfi_rel_offset r15, 8
.Lload_controls:
    ldmxcsr (%rsp)
    fldcw 4(%rsp)
    jmp .Lhave_controls
    .cfi_endproc
    .size tri_fiber_swap, . - tri_fiber_swap

// Where a new stack's return address points. rbx: the function to call, r12 and r13: its arguments.
// rsp is a multiple of 16, as it must be before a call. Nobody called this: unwinding ends here.
    .globl tri_fiber_start
    .hidden tri_fiber_start
    .type tri_fiber_start, @function
    .p2align 4
tri_fiber_start:
    .cfi_startproc
    .cfi_undefined rip
    .cfi_def_cfa rsp, 0
    endbr64
    xorl %ebp, %ebp
    movq %r12, %rdi
    movq %r13, %rsi
    callq *%rbx
    ud2
    .cfi_endproc
    .size tri_fiber_start, . - tri_fiber_start

    .section .note.gnu.property, "a", @note
    .p2align 3
    .long 4, 16, 5          // sizes of name and contents, NT_GNU_PROPERTY_TYPE_0
    .asciz "GNU"
    .long 0xc0000002, 4     // GNU_PROPERTY_X86_FEATURE_1_AND, four bytes
    .long 1, 0              // IBT; padding

#endif

    .section .note.GNU-stack, "", @progbits
