// stdatomic.h: what the models put in place of the C library's. Every atomic operation becomes a
// call that tells the checker what is done to which object, in which order and in which function.
// Only the forms that name their order are here, so nothing goes past the checker: an operation
// that is missing does not compile.
#ifndef MODEL_SHIM_STDATOMIC_H
#define MODEL_SHIM_STDATOMIC_H

#pragma GCC system_header

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum memory_order {
    memory_order_relaxed,
    memory_order_acquire,
    memory_order_release,
    memory_order_acq_rel,
    memory_order_seq_cst,
} memory_order;

typedef enum model_rmw {
    MODEL_EXCHANGE,
    MODEL_ADD,
    MODEL_SUB,
    MODEL_OR,
    MODEL_AND,
    MODEL_XOR,
} model_rmw_t;

void model_atomic_init(volatile void *object, size_t size, uint64_t value);
uint64_t
model_atomic_load(const volatile void *object, size_t size, memory_order order, const char *site);
void model_atomic_store(volatile void *object, size_t size, uint64_t value, memory_order order,
                        const char *site);
uint64_t model_atomic_rmw(volatile void *object, size_t size, model_rmw_t how, uint64_t operand,
                          memory_order order, const char *site);
bool model_atomic_cas(volatile void *object, size_t size, void *expected, uint64_t desired,
                      bool is_weak, memory_order success, memory_order failure, const char *site);

#define MODEL_VALUE(x) ((uint64_t)(uintptr_t)(x))

// The type of *object without its qualifiers.
#define MODEL_TYPE(object) __typeof__((void)0, *(object))

#define atomic_init(object, value) model_atomic_init((object), sizeof *(object), MODEL_VALUE(value))

#define atomic_load_explicit(object, order)                                                        \
    ((MODEL_TYPE(object))model_atomic_load((object), sizeof *(object), (order), __func__))

#define atomic_store_explicit(object, value, order)                                                \
    model_atomic_store((object), sizeof *(object), MODEL_VALUE(value), (order), __func__)

#define MODEL_RMW(object, how, operand, order)                                                     \
    ((MODEL_TYPE(object))model_atomic_rmw((object), sizeof *(object), (how), MODEL_VALUE(operand), \
                                          (order), __func__))

#define atomic_exchange_explicit(object, v, order)  MODEL_RMW(object, MODEL_EXCHANGE, v, order)
#define atomic_fetch_add_explicit(object, v, order) MODEL_RMW(object, MODEL_ADD, v, order)
#define atomic_fetch_sub_explicit(object, v, order) MODEL_RMW(object, MODEL_SUB, v, order)
#define atomic_fetch_or_explicit(object, v, order)  MODEL_RMW(object, MODEL_OR, v, order)
#define atomic_fetch_and_explicit(object, v, order) MODEL_RMW(object, MODEL_AND, v, order)
#define atomic_fetch_xor_explicit(object, v, order) MODEL_RMW(object, MODEL_XOR, v, order)

#define atomic_compare_exchange_strong_explicit(object, expected, desired, success, failure)       \
    model_atomic_cas((object), sizeof *(object), (expected), MODEL_VALUE(desired), false,          \
                     (success), (failure), __func__)
#define atomic_compare_exchange_weak_explicit(object, expected, desired, success, failure)         \
    model_atomic_cas((object), sizeof *(object), (expected), MODEL_VALUE(desired), true,           \
                     (success), (failure), __func__)

#endif
