/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every fuzz target of src/boot does with a file: parse it with each wish,
 * hold the result against what boot.h promises, and build the hand-off for it.
 *
 * The fuzzer's bytes are laid over a right image by exclusive or, so that most
 * inputs are nearly right and reach far.
 */
#ifndef TANE_FUZZ_BOOT_FUZZ_H
#define TANE_FUZZ_BOOT_FUZZ_H

#include "../unit/boot_image.h"

#define FUZZ_MEMORY (32 * MIB)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void must(bool condition)
{
	if (!condition)
		abort();
}

/* `model` with the input over it; as long as the longer of the two. Model is freed. */
static inline struct image fuzz_overlay(struct image *model, const uint8_t *data,
					size_t size)
{
	struct image image = image_new(model->size > size ? model->size : size);

	memcpy(image.data, model->data, model->size);
	for (size_t i = 0; i < size; i++)
		image.data[i] ^= data[i];
	image_free(model);
	return image;
}

static inline void fuzz_check_segments(const struct boot_kernel *kernel,
				       const struct boot_target *target)
{
	volatile uint8_t sink = 0;
	bool entry_seen = false;

	must(kernel->nr_segments > 0 && kernel->nr_segments <= BOOT_MAX_SEGMENTS);
	for (unsigned i = 0; i < kernel->nr_segments; i++) {
		const struct boot_segment *s = &kernel->segments[i];

		must(s->size && s->data.size <= s->size);
		must(s->gpa >= target->ram_base &&
		     range_within(s->gpa - target->ram_base, s->size, target->ram_size));
		must(s->gpa >= kernel->low && s->gpa + s->size <= kernel->high);
		for (size_t at = 0; at < s->data.size; at++)
			sink = (uint8_t)(sink + s->data.data[at]);
		for (unsigned j = 0; j < i; j++)
			must(!ranges_overlap(s->gpa, s->size, kernel->segments[j].gpa,
					     kernel->segments[j].size));
		if (kernel->entry >= s->gpa && kernel->entry - s->gpa < s->size)
			entry_seen = true;
	}
	must(entry_seen);
}

static inline void fuzz_build_handoff(const struct boot_kernel *kernel)
{
	static const struct boot_memory memory[] = {
		{ 0, 0x9fc00, BOOT_MEMORY_RAM },
		{ 0x100000, FUZZ_MEMORY - 0x100000, BOOT_MEMORY_RAM },
	};
	struct boot_module module = { .size = 12345, .cmdline = "module" };
	struct boot_handoff handoff = {
		.cmdline = "console=ttyS0",
		.memory = memory,
		.nr_memory = 2,
		.modules = &module,
	};
	struct boot_params page;
	struct err err = { "" };
	uint8_t info[512];

	if (boot_place_high(memory, 2, module.size, kernel->initrd_addr_max, kernel->low,
			    kernel->high, &module.gpa)) {
		handoff.nr_modules = 1;
		must(!ranges_overlap(module.gpa, module.size, kernel->low,
				     kernel->high - kernel->low));
		must(module.gpa + module.size - 1 <= kernel->initrd_addr_max);
		must(module.gpa >= MIB && module.gpa + module.size <= FUZZ_MEMORY);
	}
	/* The place above is one that the zero page takes; the command line may not be. */
	if (kernel->protocol == BOOT_LINUX &&
	    zero_page_build(&page, kernel, &handoff, &err))
		must(kernel->cmdline_size < strlen(handoff.cmdline));
	must(!pvh_start_info_build(info, sizeof(info), 0x6000, &handoff, &err));
	must(!multiboot_info_build(info, sizeof(info), 0x6000, &handoff, &err));
}

static inline void fuzz_parse_with(const struct image *image,
				   const struct boot_target *target,
				   enum boot_protocol wish, const struct boot_room *room)
{
	struct boot_kernel kernel;
	struct err err = { "" };

	if (boot_kernel_parse(&kernel, image_bytes(image), target, wish, room, &err)) {
		must(*err.text);
		return;
	}
	must(kernel.protocol != BOOT_AUTO);
	must(wish == BOOT_AUTO || kernel.protocol == wish);
	fuzz_check_segments(&kernel, target);
	if (target->isa == BOOT_ISA_X86_64)
		fuzz_build_handoff(&kernel);
	boot_kernel_free(&kernel);
}

static inline void fuzz_parse_for(const struct image *image,
				  const struct boot_target *target)
{
	static const enum boot_protocol wishes[] = { BOOT_AUTO, BOOT_LINUX, BOOT_PVH,
						     BOOT_MULTIBOOT };
	static uint8_t memory[1 << 20];
	struct boot_room room = { .data = memory };
	uint64_t gpa, size;

	for (unsigned i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++)
		fuzz_parse_with(image, target, wishes[i], NULL);
	/* As the machine does it: in guest memory, as large as the image says. */
	if (boot_kernel_unpack_hint(image_bytes(image), target, &gpa, &size) &&
	    size <= sizeof(memory)) {
		room.size = size;
		fuzz_parse_with(image, target, BOOT_AUTO, &room);
	}
}

static inline void fuzz_parse(const struct image *image)
{
	static const struct boot_target x86_64 = { .ram_size = FUZZ_MEMORY };

	fuzz_parse_for(image, &x86_64);
}

#endif
