/**
 * @file export.h
 * What every public header needs from the compiler, and nothing else: visibility, the attributes
 * that let a caller's mistake become a warning, and the C++ brackets.
 */
#ifndef TROUPE_EXPORT_H
#define TROUPE_EXPORT_H

#ifdef __cplusplus
#define TR_BEGIN_DECLS extern "C" {
#define TR_END_DECLS   }
#else
#define TR_BEGIN_DECLS
#define TR_END_DECLS
#endif

#if defined(__GNUC__)
#define TR_API               __attribute__((visibility("default")))
#define TR_MUST_CHECK        __attribute__((warn_unused_result))
#define TR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define TR_NORETURN          __attribute__((noreturn))
// One definition survives the link, so that a message type has one address in the whole program.
#define TR_SHARED_DATA __attribute__((weak, visibility("default")))
#else
#error "Troupe needs gcc or clang: a second compiler costs this file and runtime/base/compat.h"
#endif

#endif
