#include "base/inbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "check.h"

TestSuite(inbox, .timeout = 60);

typedef struct letter {
    tri_mail mail;
    uint32_t sender, number;
} letter;

static tri_inbox inbox;

static letter *
letter_of(tri_mail *mail)
{
    return TRI_CONTAINER(mail, letter, mail);
}

Test(inbox, gives_the_mail_in_the_order_it_came)
{
    letter l[5];
    tri_inbox_init(&inbox, false);
    cr_assert(tri_inbox_take(&inbox) == NULL);
    for (uint32_t i = 0; i < 5; i++) {
        l[i].number = i;
        cr_assert(not(tri_inbox_push(&inbox, &l[i].mail)));
    }
    cr_assert(tri_inbox_has_mail(&inbox));
    tri_mail *mail = tri_inbox_take(&inbox);
    for (uint32_t i = 0; i < 5; i++) {
        cr_assert(eq(u32, letter_of(mail)->number, i));
        mail = mail->next;
    }
    cr_assert(mail == NULL);
    cr_assert(not(tri_inbox_has_mail(&inbox)));
}

Test(inbox, wakes_a_sleeper_with_the_first_mail_only)
{
    letter a, b;
    tri_inbox_init(&inbox, true);
    cr_assert(tri_inbox_is_asleep(&inbox));
    cr_assert(tri_inbox_push(&inbox, &a.mail));
    cr_assert(not(tri_inbox_is_asleep(&inbox)));
    cr_assert(not(tri_inbox_push(&inbox, &b.mail)));
    cr_assert(not(tri_inbox_push_urgent(&inbox, &b.mail)));
}

Test(inbox, does_not_let_its_owner_sleep_on_mail_or_a_nudge)
{
    letter a;
    tri_inbox_init(&inbox, false);
    cr_assert(not(tri_inbox_push(&inbox, &a.mail)));
    cr_assert(not(tri_inbox_sleep(&inbox, false)));
    cr_assert(not(tri_inbox_sleep(&inbox, true)));
    cr_assert(tri_inbox_take(&inbox) == &a.mail);
    cr_assert(not(tri_inbox_nudge(&inbox)));
    cr_assert(tri_inbox_has_mail(&inbox));
    cr_assert(not(tri_inbox_sleep(&inbox, false)));
    cr_assert(tri_inbox_take(&inbox) == NULL);
    cr_assert(tri_inbox_sleep(&inbox, false));
}

Test(inbox, deaf_hears_only_what_is_urgent)
{
    letter a, b;
    tri_inbox_init(&inbox, false);
    cr_assert(tri_inbox_sleep(&inbox, true));
    cr_assert(not(tri_inbox_push(&inbox, &a.mail)));
    cr_assert(tri_inbox_is_asleep(&inbox));
    cr_assert(tri_inbox_push_urgent(&inbox, &b.mail));
    cr_assert(tri_inbox_take(&inbox) == &a.mail);
    cr_assert(tri_inbox_sleep(&inbox, true));
    cr_assert(tri_inbox_nudge(&inbox));
    // Awake again, it is not deaf any more.
    cr_assert(tri_inbox_sleep(&inbox, false));
    cr_assert(tri_inbox_push(&inbox, &a.mail));
}

Test(inbox, is_claimed_only_while_it_sleeps_and_is_empty)
{
    letter a;
    tri_inbox_init(&inbox, false);
    cr_assert(not(tri_inbox_claim(&inbox)));
    cr_assert(tri_inbox_sleep(&inbox, true));
    cr_assert(not(tri_inbox_push(&inbox, &a.mail)));
    cr_assert(not(tri_inbox_claim(&inbox)));
    cr_assert(tri_inbox_take(&inbox) == &a.mail);
    cr_assert(tri_inbox_sleep(&inbox, false));
    cr_assert(tri_inbox_claim(&inbox));
    cr_assert(not(tri_inbox_claim(&inbox)));
    cr_assert(not(tri_inbox_push(&inbox, &a.mail)));
}

// ---- many senders, and an owner that is a different thread each time

#define SENDERS 4
#ifndef LETTERS
#define LETTERS 20000
#endif

static sem_t woken;
static letter *letters[SENDERS];

static void *
send_all(void *arg)
{
    uint32_t me = (uint32_t)(uintptr_t)arg;
    for (uint32_t i = 0; i < LETTERS; i++) {
        letter *l = &letters[me][i];
        *l = (letter){.sender = me, .number = i};
        bool is_urgent = i % 3 == 0;
        bool woke =
            is_urgent ? tri_inbox_push_urgent(&inbox, &l->mail) : tri_inbox_push(&inbox, &l->mail);
        if (woke) {
            sem_post(&woken);
        }
        if (i % 1000 == 0 && tri_inbox_nudge(&inbox)) {
            sem_post(&woken);
        }
    }
    return NULL;
}

Test(inbox, loses_no_mail_and_no_wake_up_and_keeps_the_order_of_each_sender)
{
    pthread_t threads[SENDERS];
    uint32_t next[SENDERS] = {0};
    uint32_t taken = 0;
    uint32_t sleeps = 0;
    sem_init(&woken, 0, 0);
    tri_inbox_init(&inbox, false);
    for (uint32_t i = 0; i < SENDERS; i++) {
        letters[i] = malloc(LETTERS * sizeof **letters);
        pthread_create(&threads[i], NULL, send_all, (void *)(uintptr_t)i);
    }
    while (taken < SENDERS * LETTERS) {
        for (tri_mail *mail = tri_inbox_take(&inbox); mail != NULL;) {
            letter *l = letter_of(mail);
            mail = mail->next;
            cr_assert(eq(u32, l->number, next[l->sender]));
            next[l->sender]++;
            taken++;
        }
        // Deaf sometimes, but never at the end, where only ordinary mail may be left.
        bool is_deaf = sleeps % 2 == 0 && taken < LETTERS;
        if (taken < SENDERS * LETTERS && tri_inbox_sleep(&inbox, is_deaf)) {
            sleeps++;
            // A wake-up that is lost is a test that times out.
            sem_wait(&woken);
            cr_assert(not(tri_inbox_is_asleep(&inbox)));
        }
    }
    for (uint32_t i = 0; i < SENDERS; i++) {
        pthread_join(threads[i], NULL);
        free(letters[i]);
    }
    int left = 0;
    sem_getvalue(&woken, &left);
    cr_assert(eq(int, left, 0)); // each sleep was ended by exactly one sender
}
