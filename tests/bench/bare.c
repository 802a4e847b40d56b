/*
 * The functions that a program needs without a C library: _start, syscall(2), vfork(2). x86-64 only.
 */

/* The kernel leaves argc, argv and envp on the stack (System V ABI, "Process Initialization"). */
__asm__(".globl _start\n"
        "_start:\n"
        "	xor %ebp, %ebp\n"
        "	mov (%rsp), %rdi\n"
        "	lea 8(%rsp), %rsi\n"
        "	lea 8(%rsi,%rdi,8), %rdx\n"
        "	and $-16, %rsp\n"
        "	call main\n"
        "	mov %eax, %edi\n"
        "	mov $231, %eax\n" /* exit_group */
        "	syscall\n"
        "	hlt\n");

/* syscall(2), but an error is a negative number. */
__asm__(".globl syscall\n"
        "syscall:\n"
        "	mov %rdi, %rax\n"
        "	mov %rsi, %rdi\n"
        "	mov %rdx, %rsi\n"
        "	mov %rcx, %rdx\n"
        "	mov %r8, %r10\n"
        "	mov %r9, %r8\n"
        "	mov 8(%rsp), %r9\n"
        "	syscall\n"
        "	ret\n");

/* The child overwrites the stack, so the return address is kept in a register. */
__asm__(".globl vfork\n"
        "vfork:\n"
        "	pop %rdx\n"
        "	mov $58, %eax\n"
        "	syscall\n"
        "	push %rdx\n"
        "	ret\n");

__asm__(".section .note.GNU-stack, \"\", @progbits\n");
