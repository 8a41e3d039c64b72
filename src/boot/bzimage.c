/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bzImage: what distributions ship as vmlinuz.
 *
 *	+--------------------+ 0
 *	| boot sector, setup | (setup_sects + 1) * 512 bytes of real-mode code,
 *	|                    | with the setup header at 0x1f1
 *	+--------------------+
 *	| protected-mode     | syssize * 16 bytes: a small program that unpacks
 *	| code               | the payload, and
 *	|   payload          | at payload_offset, a packed vmlinux (ELF)
 *	+--------------------+
 *
 * The host unpacks the payload, much faster than the guest would, and the
 * vmlinux is entered at its own entry; neither the real-mode code nor the small
 * program ever runs. A payload that cannot be unpacked here is left to that small
 * program, entered at its 64-bit entry if it states one, else (an old or a 32-bit
 * image) by the 32-bit protocol.
 *
 * Linkers put the first segment of vmlinux at 2 MiB in the file, and where it
 * goes in memory is pref_address: so, unpacked 2 MiB below that, most of the
 * kernel needs no copy (boot_kernel_unpack_hint()).
 *
 * Specification: Linux, Documentation/arch/x86/boot.rst.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "boot/formats.h"

#define SETUP_HEADER      0x1f1
#define SETUP_MAGIC       0x202
#define SETUP_MAGIC_VALUE 0x53726448 /* "HdrS" */
#define SECTOR            ((size_t)512)
#define ENTRY_64          0x200 /* from the start of the protected-mode code */
#define DEFAULT_ADDRESS   0x100000
#define PAGE_SIZE         4096ull
#define CMDLINE_DEFAULT   255
#define ELF_FIRST_SEGMENT 0x200000

/* Linux maps at most this much of itself (KERNEL_IMAGE_SIZE); its file is smaller. */
#define UNPACKED_MAX (1ull << 30)

/* A bzImage taken apart. */
struct bzimage {
	struct bytes file;
	struct setup_header setup; /* fields that the image is too old for are zero */
	struct bytes code;         /* the protected-mode code */
	struct bytes payload;      /* size 0: the image does not tell */
};

bool bzimage_detect(struct bytes file)
{
	return file.size >= SETUP_MAGIC + 4 &&
	       load_le32(file.data + SETUP_MAGIC) == SETUP_MAGIC_VALUE;
}

/* What an image of this version may have in the place of newer fields means nothing. */
static void drop_newer_fields(struct setup_header *setup)
{
	if (setup->version < 0x0208) {
		setup->payload_offset = 0;
		setup->payload_length = 0;
	}
	if (setup->version < 0x020a) {
		setup->pref_address = 0;
		setup->init_size = 0;
	}
	if (setup->version < 0x020c)
		setup->xloadflags = 0;
}

/*
 * The header ends where the jump instruction in front of "HdrS" leads to. What
 * follows is code, so an old image must not be read as if it had newer fields.
 */
static int read_setup(struct bzimage *image, struct err *err)
{
	size_t end, size;

	if (image->file.size < 2 * SECTOR)
		return err_set(err,
			       "bzImage: truncated: %zu bytes do not hold the setup"
			       " header",
			       image->file.size);
	end = SETUP_MAGIC + (size_t)image->file.data[SETUP_MAGIC - 1];
	size = end - SETUP_HEADER;
	if (size > sizeof(image->setup))
		size = sizeof(image->setup);
	memcpy(&image->setup, image->file.data + SETUP_HEADER, size);

	if (image->setup.boot_flag != 0xAA55)
		return err_set(err, "bzImage: boot_flag is 0x%04x, not 0xaa55",
			       image->setup.boot_flag);
	if (image->setup.version < 0x0206)
		return err_set(err,
			       "bzImage: boot protocol %u.%02u is too old, 2.06 (Linux"
			       " 2.6.22) or newer is needed",
			       image->setup.version >> 8, image->setup.version & 0xff);
	if (!(image->setup.loadflags & LOADED_HIGH))
		return err_set(err,
			       "bzImage: it is a zImage (loaded low), not a bzImage");
	drop_newer_fields(&image->setup);
	return 0;
}

static int find_code(struct bzimage *image, struct err *err)
{
	/* boot.rst: for compatibility, 0 means 4. */
	size_t sects = image->setup.setup_sects ? image->setup.setup_sects : 4;
	size_t offset = (sects + 1) * SECTOR;
	uint64_t size = (uint64_t)image->setup.syssize * 16;
	uint64_t have;

	if (offset >= image->file.size)
		return err_set(err,
			       "bzImage: truncated: its real-mode code takes %zu bytes,"
			       " the file has %zu",
			       offset, image->file.size);
	/* Old images are not padded to the paragraphs that syssize counts. */
	have = image->file.size - offset;
	if (!size || size >= have + 16)
		return err_set(err,
			       "bzImage: truncated: its kernel takes %" PRIu64
			       " bytes behind the real-mode code, the file has %" PRIu64,
			       size, have);
	bytes_slice(image->file, offset, size < have ? size : have, &image->code);
	return 0;
}

static int find_payload(struct bzimage *image, struct err *err)
{
	uint32_t offset = image->setup.payload_offset;
	uint32_t length = image->setup.payload_length;

	if (!bytes_slice(image->code, offset, length, &image->payload))
		return err_set(err,
			       "bzImage: its payload (%u bytes at %u) lies outside its"
			       " protected-mode code of %zu bytes",
			       length, offset, image->code.size);
	return 0;
}

static int open_image(struct bzimage *image, struct bytes file, struct err *err)
{
	memset(image, 0, sizeof(*image));
	image->file = file;
	if (read_setup(image, err) || find_code(image, err) || find_payload(image, err))
		return -1;
	return 0;
}

static void take_setup(struct boot_kernel *kernel, const struct bzimage *image)
{
	kernel->setup = image->setup;
	kernel->cmdline_size = image->setup.cmdline_size;
	if (!kernel->cmdline_size)
		kernel->cmdline_size = CMDLINE_DEFAULT;
	kernel->initrd_addr_max = image->setup.initrd_addr_max;
}

/*
 * The kernel may use init_size bytes from its start before it looks at its
 * memory map: nothing else may be placed there, even if no segment claims it.
 */
static void reserve_init_size(struct boot_kernel *kernel)
{
	uint64_t end = kernel->low + kernel->setup.init_size;

	if (end > kernel->high)
		kernel->high = align_up(end, PAGE_SIZE);
}

/* Linux puts the unpacked size behind the payload; gzip does so itself. */
static uint32_t stated_size(const struct bzimage *image)
{
	return image->payload.size < 4
		       ? 0
		       : load_le32(image->payload.data + image->payload.size - 4);
}

bool bzimage_unpacks_slowly(struct bytes file)
{
	enum decompress_format format;
	struct bzimage image;
	struct err ignored;

	if (!bzimage_detect(file) || open_image(&image, file, &ignored))
		return false;
	format = decompress_detect(image.payload);
	return format == DECOMPRESS_XZ || format == DECOMPRESS_LZMA ||
	       format == DECOMPRESS_BZIP2;
}

bool bzimage_unpack_hint(struct bytes file, uint64_t *gpa, uint64_t *size)
{
	struct bzimage image;
	struct err ignored;

	if (!bzimage_detect(file) || open_image(&image, file, &ignored) ||
	    image.setup.pref_address < ELF_FIRST_SEGMENT + DEFAULT_ADDRESS ||
	    !decompress_is_built_in(decompress_detect(image.payload)))
		return false;
	*gpa = image.setup.pref_address - ELF_FIRST_SEGMENT;
	*size = stated_size(&image);
	return *size != 0;
}

static int unpack_payload(struct boot_kernel *kernel, const struct bzimage *image,
			  uint64_t max_size, const struct boot_room *room,
			  struct bytes *vmlinux, struct err *err)
{
	enum decompress_format format = decompress_detect(image->payload);
	size_t limit = max_size < UNPACKED_MAX ? max_size : UNPACKED_MAX;

	if (room && room->filled) {
		*vmlinux = (struct bytes){ room->data, room->size };
		return 0;
	}
	if (room) {
		vmlinux->data = room->data;
		return decompress_into(format, image->payload, room, &vmlinux->size, err);
	}
	if (decompress(format, image->payload, limit, &kernel->unpacked,
		       &kernel->unpacked_size, err))
		return -1;
	vmlinux->data = kernel->unpacked;
	vmlinux->size = kernel->unpacked_size;
	return 0;
}

static int unpack(struct boot_kernel *kernel, const struct bzimage *image,
		  enum boot_protocol wish, uint64_t max_size,
		  const struct boot_room *room, struct err *err)
{
	struct bytes vmlinux;

	if (unpack_payload(kernel, image, max_size, room, &vmlinux, err))
		return err_prefix(err, "bzImage: ");
	/* lz4 has no checksum: damage may well unpack to something. */
	if (vmlinux.size != stated_size(image))
		return err_set(err,
			       "bzImage: damaged: its payload unpacks to %zu bytes, and"
			       " should to %u",
			       vmlinux.size, stated_size(image));
	if (!elf_detect(vmlinux))
		return err_set(err, "bzImage: its %s payload holds no ELF file",
			       decompress_format_name(decompress_detect(image->payload)));
	/* What comes out of a bzImage is Linux, also where it has a PVH entry. */
	if (wish == BOOT_AUTO)
		wish = BOOT_LINUX;
	if (boot_elf_parse(kernel, vmlinux, wish, max_size, err))
		return err_prefix(err, "bzImage: unpacked vmlinux: ");
	reserve_init_size(kernel);
	return 0;
}

/* Let the image unpack itself in the guest. */
static int load_as_it_is(struct boot_kernel *kernel, const struct bzimage *image,
			 uint64_t max_size, struct err *err)
{
	const struct setup_header *setup = &image->setup;
	uint64_t address = DEFAULT_ADDRESS;
	uint64_t size = image->code.size;

	if (setup->pref_address)
		address = setup->pref_address;
	if (setup->init_size > size)
		size = setup->init_size;
	kernel->is_64 = setup->xloadflags & XLF_KERNEL_64;
	kernel->entry_32 = !kernel->is_64;
	kernel->entry = kernel->entry_32 ? address : address + ENTRY_64;
	if (image->code.size <= kernel->entry - address)
		return err_set(err,
			       "bzImage: protected-mode code of %zu bytes has no 64-bit"
			       " entry at 0x%x",
			       image->code.size, ENTRY_64);
	if (boot_segment_add(kernel, address, size, image->code, max_size, err))
		return err_prefix(err, "bzImage: ");
	kernel->protocol = BOOT_LINUX;
	return 0;
}

/* The payload cannot be unpacked here, and PVH needs that: say why. */
static int no_pvh(const struct bzimage *image, enum decompress_format format,
		  struct err *err)
{
	static const char missing[] = "only an unpacked vmlinux has a PVH entry";

	if (!image->payload.size)
		return err_set(err,
			       "bzImage: boot protocol %u.%02u does not tell where the"
			       " payload is, and %s",
			       image->setup.version >> 8, image->setup.version & 0xff,
			       missing);
	if (format == DECOMPRESS_UNKNOWN)
		return err_set(err,
			       "bzImage: its payload is packed in an unknown format,"
			       " and %s",
			       missing);
	return err_set(err,
		       "bzImage: its payload is packed with %s, this tane was built"
		       " without %s, and %s",
		       decompress_format_name(format), decompress_library_name(format),
		       missing);
}

int bzimage_parse(struct boot_kernel *kernel, struct bytes file, enum boot_protocol wish,
		  uint64_t max_size, const struct boot_room *room, struct err *err)
{
	enum decompress_format format;
	struct bzimage image;

	if (wish == BOOT_MULTIBOOT)
		return err_set(err, "a Linux bzImage offers no multiboot");
	if (open_image(&image, file, err))
		return -1;
	take_setup(kernel, &image);

	format = decompress_detect(image.payload);
	if (decompress_is_built_in(format))
		return unpack(kernel, &image, wish, max_size, room, err);
	if (wish == BOOT_PVH)
		return no_pvh(&image, format, err);
	return load_as_it_is(kernel, &image, max_size, err);
}

int boot_real_mode_parse(struct boot_real_mode *real_mode, struct bytes file,
			 struct err *err)
{
	struct boot_kernel kernel = { 0 };
	struct bzimage image;

	if (!bzimage_detect(file))
		return err_set(err,
			       "firmware boots bzImages of Linux only; leave --bios out");
	if (open_image(&image, file, err))
		return -1;
	take_setup(&kernel, &image);
	kernel.low =
		image.setup.pref_address ? image.setup.pref_address : DEFAULT_ADDRESS;
	kernel.high = DEFAULT_ADDRESS + align_up(image.code.size, PAGE_SIZE);
	reserve_init_size(&kernel);
	*real_mode = (struct boot_real_mode){
		.header = image.setup,
		.setup = { file.data, (size_t)(image.code.data - file.data) },
		.code = image.code,
		.cmdline_size = kernel.cmdline_size,
		.initrd_addr_max = kernel.initrd_addr_max,
		.low = DEFAULT_ADDRESS,
		.high = kernel.high,
	};
	return 0;
}
