/**
 * @file troupe.h
 * All of Troupe. Every header it includes can also be included alone.
 */
#ifndef TROUPE_TROUPE_H
#define TROUPE_TROUPE_H

#include "troupe/actor.h"
#include "troupe/alarm.h"
#include "troupe/barrier.h"
#include "troupe/blocking.h"
#include "troupe/broadcast.h"
#include "troupe/buf.h"
#include "troupe/call.h"
#include "troupe/circuit.h"
#include "troupe/config.h"
#include "troupe/drain.h"
#include "troupe/duration.h"
#include "troupe/error.h"
#include "troupe/export.h"
#include "troupe/future.h"
#include "troupe/interval.h"
#include "troupe/limiter.h"
#include "troupe/mailbox.h"
#include "troupe/main.h"
#include "troupe/message.h"
#include "troupe/mpsc.h"
#include "troupe/mutex.h"
#include "troupe/once.h"
#include "troupe/oneshot.h"
#include "troupe/ref.h"
#include "troupe/registry.h"
#include "troupe/runtime.h"
#include "troupe/rwlock.h"
#include "troupe/scope.h"
#include "troupe/select.h"
#include "troupe/semaphore.h"
#include "troupe/set.h"
#include "troupe/socket.h"
#include "troupe/supervisor.h"
#include "troupe/tcp.h"
#include "troupe/topic.h"
#include "troupe/watch.h"

#endif
