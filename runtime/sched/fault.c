#include "sched/fault.h"

#include "sched/worker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

// Which worker this thread runs. Read by the handler on the same thread; nowhere near a switch of
// stacks.
static _Thread_local tri_worker *here;

static pthread_once_t installed = PTHREAD_ONCE_INIT;
static struct sigaction before; // whose signal it was; constant once installed

// Async-signal-safe: no formatting, one write.
static void
report(const tri_worker *worker)
{
    char line[512] = "troupe: stack overflow: ";
    size_t at = strlen(line);
    at += worker->sched->describe(worker->current, line + at, sizeof line - at - 1);
    line[at++] = '\n';
    ssize_t ignored = write(STDERR_FILENO, line, at); // the process ends either way
    (void)ignored;
}

// The action that was there before takes over: the faulting instruction runs again when we return.
static void
on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    const tri_worker *worker = here;
    if (worker != NULL && worker->stack != NULL && worker->current != NULL &&
        tri_stack_guard_hit(worker->stack, info->si_addr)) {
        report(worker);
    }
    sigaction(number, &before, NULL);
}

static void
install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before);
}

void
tri_fault_enter(tri_worker *worker)
{
    stack_t stack = {.ss_sp = worker->signal_stack, .ss_size = TRI_FAULT_STACK_BYTES};
    sigaltstack(&stack, NULL);
    here = worker;
    pthread_once(&installed, install);
}

void
tri_fault_leave(void)
{
    stack_t none = {.ss_flags = SS_DISABLE};
    sigaltstack(&none, NULL);
    here = NULL;
}
