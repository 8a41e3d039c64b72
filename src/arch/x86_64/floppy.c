/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Floppy disks: between the chips, which vCPUs drive, and images, which belong to the loop.
 *
 *	vCPU	82077AA wants a run of sectors -> request, wanted
 *	loop	on_wanted() -> active, block layer -> done() -> 82077AA goes on, and moves
 *		bytes by the 8237A, or interrupts
 *
 * The host reads and writes a buffer of its own, never guest memory. So a reset need not
 * wait for it: what is in flight is forgone, and the next request waits here, not in the
 * guest. A write is done when it is durable, for no command of a floppy disk could ask.
 *
 * Both chips have one mutex, since one calls the other.
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "arch/x86_64/floppy.h"
#include "arch/x86_64/layout.h"
#include "core/platform.h"

/* -- the loop's side -- */

static void begin_next(struct floppy *floppy);

static void warn(struct floppy *floppy, int error)
{
	const struct floppy_request *active = &floppy->active;

	platform_warn(&floppy->warnings,
		      "floppy \"%s\": %s of %zu bytes at %llu: %s; the guest gets an I/O "
		      "error",
		      floppy->vm->config->floppies[active->drive].path,
		      active->is_write ? "write" : "read", active->size,
		      (unsigned long long)active->offset, strerror(error));
}

static void done(struct block_request *io, int error)
{
	struct floppy *floppy = (void *)((char *)io - offsetof(struct floppy, io));

	if (!error && io->op == BLOCK_WRITE) {
		io->op = BLOCK_FLUSH;
		block_submit(floppy->images[floppy->active.drive], io);
		return; /* which kicks after what was done */
	}
	if (error)
		warn(floppy, error);
	pthread_mutex_lock(&floppy->lock);
	floppy->is_active = false;
	if (!floppy->is_forgone)
		i82077_done(&floppy->fdc, floppy->active.data, error);
	pthread_mutex_unlock(&floppy->lock);
	begin_next(floppy);
}

/* Take the request, if there is one and the host has none. */
static bool take_request(struct floppy *floppy)
{
	bool taken;

	pthread_mutex_lock(&floppy->lock);
	taken = floppy->is_wanted && !floppy->is_active;
	if (taken) {
		floppy->active = floppy->request;
		floppy->is_wanted = false;
		floppy->is_forgone = false;
		floppy->is_active = true;
	}
	pthread_mutex_unlock(&floppy->lock);
	return taken;
}

static void begin_next(struct floppy *floppy)
{
	struct floppy_request *active = &floppy->active;

	if (!take_request(floppy))
		return;
	floppy->iov = (struct iovec){ active->data, active->size };
	floppy->io = (struct block_request){
		.op = active->is_write ? BLOCK_WRITE : BLOCK_READ,
		.offset = active->offset,
		.length = active->size,
		.iov = &floppy->iov,
		.nr_iov = 1,
		.done = done,
	};
	block_submit(floppy->images[active->drive], &floppy->io);
	block_kick(floppy->images[active->drive]);
}

static void on_wanted(void *opaque)
{
	begin_next(opaque);
}

static void on_timer(void *opaque)
{
	struct floppy *floppy = opaque;

	pthread_mutex_lock(&floppy->lock);
	i82077_tick(&floppy->fdc);
	pthread_mutex_unlock(&floppy->lock);
}

/* -- what the chips call, with the lock held, on any thread -- */

static void want(struct floppy *floppy, unsigned drive, uint64_t offset, size_t size)
{
	floppy->request.drive = drive;
	floppy->request.offset = offset;
	floppy->request.size = size;
	floppy->is_wanted = true;
	loop_event_signal(&floppy->wanted);
}

static void fdc_read(void *opaque, unsigned drive, uint64_t offset, size_t size)
{
	struct floppy *floppy = opaque;

	floppy->request.is_write = false;
	want(floppy, drive, offset, size);
}

static void fdc_write(void *opaque, unsigned drive, uint64_t offset, const void *data,
		      size_t size)
{
	struct floppy *floppy = opaque;

	floppy->request.is_write = true;
	memcpy(floppy->request.data, data, size);
	want(floppy, drive, offset, size);
}

static void fdc_cancel(void *opaque)
{
	struct floppy *floppy = opaque;

	/* One that waits may be a write: it is not begun, as if the reset had come first. */
	floppy->is_wanted = false;
	floppy->is_forgone = true;
}

static size_t fdc_to_memory(void *opaque, const void *data, size_t size, bool *tc)
{
	struct floppy *floppy = opaque;

	return i8237_to_memory(&floppy->dma, DMA_FLOPPY, data, size, tc);
}

static size_t fdc_from_memory(void *opaque, void *data, size_t size, bool *tc)
{
	struct floppy *floppy = opaque;

	return i8237_from_memory(&floppy->dma, DMA_FLOPPY, data, size, tc);
}

static int64_t fdc_now(void *opaque)
{
	(void)opaque;
	return loop_now();
}

static void fdc_arm(void *opaque, int64_t deadline_ns)
{
	struct floppy *floppy = opaque;

	loop_timer_arm(&floppy->timer, deadline_ns);
}

static const struct i82077_ops fdc_ops = {
	.read = fdc_read,
	.write = fdc_write,
	.cancel = fdc_cancel,
	.to_memory = fdc_to_memory,
	.from_memory = fdc_from_memory,
	.now = fdc_now,
	.arm = fdc_arm,
};

static bool dma_read(void *opaque, uint64_t gpa, void *to, size_t size)
{
	struct floppy *floppy = opaque;

	return memory_read(&floppy->vm->memory, gpa, to, size);
}

static bool dma_write(void *opaque, uint64_t gpa, const void *from, size_t size)
{
	struct floppy *floppy = opaque;

	return memory_write(&floppy->vm->memory, gpa, from, size);
}

static void dma_released(void *opaque)
{
	struct floppy *floppy = opaque;

	if (floppy->vm->config->nr_floppies)
		i82077_dma_released(&floppy->fdc);
}

static const struct i8237_ops dma_ops = {
	.read = dma_read,
	.write = dma_write,
	.released = dma_released,
};

/* -- building -- */

static int open_image(struct floppy *floppy, unsigned number, struct i82077_drive *drive,
		      struct err *err)
{
	const struct config_disk *config = &floppy->vm->config->floppies[number];
	const struct block_info *info;
	struct block *block = block_open(config, floppy->vm->loop, err);

	if (!block)
		return err_prefix(err, "--floppy: ");
	floppy->images[number] = block;
	info = block_info(block);
	drive->medium = i82077_medium_of(info->size);
	drive->read_only = info->read_only;
	if (!drive->medium || info->logical_block_size != I82077_SECTOR)
		return err_set(
			err,
			"--floppy: \"%s\" has %llu bytes; a floppy disk is of 360, "
			"720, 1200, 1440 or 2880 KiB (\"truncate -s 1440K FILE\" "
			"makes one)",
			config->path, (unsigned long long)info->size);
	return 0;
}

static int add_ports(struct floppy *floppy, struct err *err)
{
	const bool has_fdc = floppy->vm->config->nr_floppies;
	const struct {
		uint64_t base, size;
		const char *name;
		const struct io_ops *ops;
		void *dev;
		bool exists;
	} ports[] = {
		{ PORT_DMA_1, I8237_NR_PORTS_1, "i8237.0", &i8237_io_1, &floppy->dma,
		  true },
		{ PORT_DMA_2, I8237_NR_PORTS_2, "i8237.1", &i8237_io_2, &floppy->dma,
		  true },
		{ PORT_DMA_PAGES, I8237_NR_PAGES, "dma-pages", &i8237_page_io,
		  &floppy->dma, true },
		{ PORT_FLOPPY, I82077_NR_PORTS, "i82077", &i82077_io, &floppy->fdc,
		  has_fdc },
		{ PORT_FLOPPY_DIR, 1, "i82077-dir", &i82077_dir_io, &floppy->fdc,
		  has_fdc },
	};

	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		const struct bus_range range = {
			.base = ports[i].base,
			.size = ports[i].size,
			.name = ports[i].name,
			.ops = ports[i].ops,
			.dev = ports[i].dev,
			.lock = &floppy->lock,
		};

		if (ports[i].exists && bus_add(&floppy->vm->bus, BUS_PIO, &range, err))
			return -1;
	}
	return 0;
}

static int build_fdc(struct floppy *floppy, struct wires *wires, struct err *err)
{
	struct i82077_drive drives[I82077_NR_DRIVES] = { 0 };
	struct irq_line irq = wires_connect(wires, IRQ_FLOPPY);
	struct loop *loop = floppy->vm->loop;

	for (unsigned i = 0; i < floppy->vm->config->nr_floppies; i++) {
		if (open_image(floppy, i, &drives[i], err))
			return -1;
	}
	if (loop_timer_init(&floppy->timer, loop, on_timer, floppy, err) ||
	    loop_event_init(&floppy->wanted, loop, on_wanted, floppy, err))
		return -1;
	i82077_init(&floppy->fdc, drives, &fdc_ops, &irq, floppy);
	return 0;
}

int floppy_build(struct floppy *floppy, struct vm *vm, struct wires *wires,
		 struct err *err)
{
	floppy->is_made = true;
	floppy->vm = vm;
	floppy->warnings = PLATFORM_WARNINGS;
	floppy->timer.source.fd = floppy->wanted.source.fd = -1;
	pthread_mutex_init(&floppy->lock, NULL);
	i8237_init(&floppy->dma, &dma_ops, floppy);
	if (vm->config->nr_floppies && build_fdc(floppy, wires, err))
		return -1;
	return add_ports(floppy, err);
}

void floppy_reset(struct floppy *floppy)
{
	if (!floppy->is_made)
		return;
	pthread_mutex_lock(&floppy->lock);
	if (floppy->vm->config->nr_floppies)
		i82077_reset(&floppy->fdc);
	i8237_reset(&floppy->dma);
	pthread_mutex_unlock(&floppy->lock);
}

void floppy_destroy(struct floppy *floppy)
{
	if (!floppy->is_made)
		return;
	loop_event_destroy(&floppy->wanted, floppy->vm->loop);
	loop_timer_destroy(&floppy->timer, floppy->vm->loop);
	for (unsigned i = 0; i < I82077_NR_DRIVES; i++)
		block_close(floppy->images[i]);
	pthread_mutex_destroy(&floppy->lock);
	floppy->is_made = false;
}

void floppy_types(const struct floppy *floppy, uint8_t types[I82077_NR_DRIVES])
{
	for (unsigned i = 0; i < I82077_NR_DRIVES; i++) {
		const struct i82077_medium *medium = floppy->fdc.drives[i].medium;

		types[i] = medium ? medium->cmos_type : 0;
	}
}
