/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The floppy disks of a PC: controller, the DMA controllers that it needs, and images. See
 * floppy.c.
 */
#ifndef TANE_ARCH_X86_64_FLOPPY_H
#define TANE_ARCH_X86_64_FLOPPY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "arch/wires.h"
#include "block/block.h"
#include "core/loop.h"
#include "core/vm.h"
#include "dev/i82077.h"
#include "dev/i8237.h"

/* What the controller wants to have moved; one at a time. */
struct floppy_request {
	unsigned drive;
	bool is_write;
	uint64_t offset;
	size_t size;
	uint8_t data[I82077_MAX_DATA];
};

struct floppy {
	bool is_made;
	struct vm *vm;
	pthread_mutex_t lock; /* guards all below but what the loop owns */
	struct i8237 dma;
	struct i82077 fdc;
	struct loop_timer timer;  /* of the controller */
	struct loop_event wanted; /* there is a request */

	struct floppy_request request; /* of the controller */
	bool is_wanted;                /* it waits for the loop */
	bool is_active;                /* the host moves one, this or an older one */
	bool is_forgone;               /* ... and the controller was reset meanwhile */

	/* The loop's. */
	struct block *images[I82077_NR_DRIVES];
	struct floppy_request active;
	struct block_request io;
	struct iovec iov;
	unsigned warnings;
};

/*
 * Open the images, make the chips and put them on the bus; without images there are DMA
 * controllers only. Zeroes before; destroy takes them as well. Main thread, all of these.
 */
int floppy_build(struct floppy *floppy, struct vm *vm, struct wires *wires,
		 struct err *err);
/* All vCPUs are parked. After it, nothing reaches RAM any more. */
void floppy_reset(struct floppy *floppy);
void floppy_destroy(struct floppy *floppy);

/* The types of both drives, as CMOS RAM has them; 0: there is none. */
void floppy_types(const struct floppy *floppy, uint8_t types[I82077_NR_DRIVES]);

#endif
