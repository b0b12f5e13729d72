/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Huge pages for what malloc() hands out: a table of connections is looked up
 * at random, and each page that is touched first costs a fault.
 */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

/* To be called once, before much memory is needed: lets the heap grow in large
 * steps. Does nothing where the C library is not glibc. */
void heap_init(void);

/* Asks for huge pages for what the heap has grown by since the last call; to be
 * called now and then, from any thread. Costs no system call while it has not
 * grown. Where the kernel has none, nothing changes. */
void heap_advise(void);

#endif
