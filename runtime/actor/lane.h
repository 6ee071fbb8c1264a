// lane.h: messages in a row, oldest first. Private to its owner.
#ifndef TRI_ACTOR_LANE_H
#define TRI_ACTOR_LANE_H

#include "msg/message.h"

typedef struct tri_lane {
    tr_message *first;
    tr_message *last; // meaningful while first is not NULL
} tri_lane;

static inline tr_message *
tri_lane_next(const tr_message *msg)
{
    tri_mail *next = msg->parcel.mail.next;
    return next == NULL ? NULL : TRI_CONTAINER(next, tr_message, parcel.mail);
}

static inline void
tri_lane_append(tri_lane *lane, tr_message *msg)
{
    msg->parcel.mail.next = NULL;
    if (lane->first == NULL) {
        lane->first = msg;
    } else {
        lane->last->parcel.mail.next = &msg->parcel.mail;
    }
    lane->last = msg;
}

// The oldest; NULL when there is none.
static inline tr_message *
tri_lane_pop(tri_lane *lane)
{
    tr_message *msg = lane->first;
    if (msg != NULL) {
        lane->first = tri_lane_next(msg);
    }
    return msg;
}

// Take out the one behind `before`, which is in the lane, or the first where that is NULL.
static inline void
tri_lane_take_after(tri_lane *lane, tr_message *before)
{
    tr_message *msg = before == NULL ? lane->first : tri_lane_next(before);
    if (before == NULL) {
        lane->first = tri_lane_next(msg);
    } else {
        before->parcel.mail.next = msg->parcel.mail.next;
    }
    if (lane->last == msg) {
        lane->last = before;
    }
}

// Take out the first that `is_wanted` wants; NULL when there is none.
static inline tr_message *
tri_lane_take(tri_lane *lane, bool (*is_wanted)(const tr_message *msg, void *arg), void *arg)
{
    tr_message *before = NULL;
    for (tr_message *msg = lane->first; msg != NULL; before = msg, msg = tri_lane_next(msg)) {
        if (is_wanted(msg, arg)) {
            tri_lane_take_after(lane, before);
            return msg;
        }
    }
    return NULL;
}

// Put all of `before` in front of the lane; `before` is empty then.
static inline void
tri_lane_prepend_all(tri_lane *lane, tri_lane *before)
{
    if (before->first == NULL) {
        return;
    }
    before->last->parcel.mail.next = lane->first == NULL ? NULL : &lane->first->parcel.mail;
    if (lane->first == NULL) {
        lane->last = before->last;
    }
    lane->first = before->first;
    before->first = NULL;
}

#endif
