/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * SiFive's test device ("sifive,test0"): a write to its first register ends the machine,
 * with success or failure, or resets it. In a device tree it is also the target of
 * syscon-poweroff (SIFIVE_TEST_PASS) and syscon-reboot (SIFIVE_TEST_RESET). A read gives
 * 0. It keeps nothing, so it has no reset, save or load. The caller holds the device's
 * mutex; the callback runs with it held.
 */
#ifndef TANE_DEV_SIFIVE_TEST_H
#define TANE_DEV_SIFIVE_TEST_H

#include <stdint.h>

#include "core/bus.h"

#define SIFIVE_TEST_SIZE 0x1000 /* of its range */

/* The low half of what is written; the high half is the exit code of a failure. */
enum sifive_test_finish {
	SIFIVE_TEST_FAIL = 0x3333,
	SIFIVE_TEST_PASS = 0x5555,
	SIFIVE_TEST_RESET = 0x7777,
};

struct sifive_test {
	void (*finish)(void *opaque, enum sifive_test_finish how, uint16_t code);
	void *opaque;
};

extern const struct io_ops sifive_test_io;

/* `code` is 0 but for SIFIVE_TEST_FAIL. */
void sifive_test_init(struct sifive_test *test,
		      void (*finish)(void *opaque, enum sifive_test_finish how,
				     uint16_t code),
		      void *opaque);

#endif
