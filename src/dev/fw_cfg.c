/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fw_cfg; see fw_cfg.h.
 *
 * A guest writes a key to the selector and reads bytes from the data port, each read
 * moving an offset on. Or it has them moved: it writes the address of a structure of 16
 * bytes (control, length, address, all big-endian) to the DMA register, and finds the
 * control word zero, or with the error bit, when the OUT is over.
 *
 * Nothing of what a guest says is trusted. The structure is copied once. What a
 * transfer reaches must be RAM from end to end, or nothing moves. Its work is bounded by the
 * size of the item: behind the end of it come at most FW_CFG_MAX_PADDING zeros; who wants
 * more gets the error bit. A skip moves a number, which stops at its largest value.
 *
 * The directory is made while it is read: an entry of 64 bytes from the row of a file.
 */
#include <stdlib.h>
#include <string.h>

#include "dev/fw_cfg.h"

#define ID_TRADITIONAL 0x01u
#define ID_DMA         0x02u

#define DMA_ERROR  0x01u
#define DMA_READ   0x02u
#define DMA_SKIP   0x04u
#define DMA_SELECT 0x08u /* the key is in bits 31:16 */
#define DMA_WRITE  0x10u

#define KEY_WRITE 0x4000u /* asks for writing, which the data port does not do any more */

#define PORT_SELECTOR 0
#define PORT_DATA     1

#define DMA_ADDRESS_HIGH 0
#define DMA_ADDRESS_LOW  4
#define DMA_SIGNATURE    UINT64_C(0x51454d5520434647) /* "QEMU CFG" */

/* struct FWCfgDmaAccess. */
#define ACCESS_CONTROL 0
#define ACCESS_LENGTH  4
#define ACCESS_ADDRESS 8
#define ACCESS_SIZE    16

/* The directory: a count, then struct FWCfgFile. */
#define DIR_HEADER_SIZE  4
#define DIR_ENTRY_SIZE   64
#define DIR_ENTRY_SELECT 4
#define DIR_ENTRY_NAME   8

static uint32_t load_be32(const void *p)
{
	return __builtin_bswap32(load_le32(p));
}

static void store_be32(void *p, uint32_t value)
{
	store_le32(p, __builtin_bswap32(value));
}

static const struct fw_cfg_item *selected(const struct fw_cfg *fw)
{
	const uint16_t key = fw->regs.selector & (uint16_t)~KEY_WRITE;

	if (key >= FW_CFG_FILE_FIRST && key - FW_CFG_FILE_FIRST < (int)fw->nr_files)
		return &fw->files[key - FW_CFG_FILE_FIRST];
	for (unsigned i = 0; i < fw->nr_items; i++) {
		if (fw->items[i].key == key)
			return &fw->items[i];
	}
	return NULL;
}

/* A piece of the directory: entry by entry, the part of it that is asked for. */
static bool read_directory(void *opaque, uint32_t offset, void *to, size_t len)
{
	const struct fw_cfg *fw = opaque;
	uint8_t *at = to;

	while (len) {
		const bool header = offset < DIR_HEADER_SIZE;
		const uint32_t index =
			header ? 0 : (offset - DIR_HEADER_SIZE) / DIR_ENTRY_SIZE;
		const struct fw_cfg_item *file = &fw->files[index];
		uint8_t entry[DIR_ENTRY_SIZE] = { 0 };
		uint32_t from =
			header ? offset : (offset - DIR_HEADER_SIZE) % DIR_ENTRY_SIZE;
		size_t n = (header ? DIR_HEADER_SIZE : DIR_ENTRY_SIZE) - from;

		if (header) {
			store_be32(entry, fw->nr_files);
		} else {
			store_be32(entry, (uint32_t)file->content.size);
			store_be32(entry + DIR_ENTRY_SELECT, (FW_CFG_FILE_FIRST + index)
								     << 16);
			memcpy(entry + DIR_ENTRY_NAME, file->name, FW_CFG_NAME_SIZE);
		}
		if (n > len)
			n = len;
		memcpy(at, entry + from, n);
		at += n;
		offset += (uint32_t)n;
		len -= n;
	}
	return true;
}

/* [offset, offset + len) is inside the item. */
static bool read_item(const struct fw_cfg *fw, const struct fw_cfg_item *item,
		      uint32_t offset, void *to, size_t len)
{
	const struct fw_cfg_content *content = &item->content;

	if (!len)
		return true;
	if (item->writable)
		memcpy(to, fw->regs.writable + item->at + offset, len);
	else if (content->read)
		return content->read(content->opaque, offset, to, len);
	else
		memcpy(to, (const uint8_t *)content->data + offset, len);
	return true;
}

/* How much of `len` bytes from the offset on is in the item. */
static size_t available(const struct fw_cfg *fw, const struct fw_cfg_item *item,
			uint32_t len)
{
	const uint64_t size = item ? item->content.size : 0;
	const uint64_t rest = fw->regs.offset < size ? size - fw->regs.offset : 0;

	return len < rest ? len : (size_t)rest;
}

static void advance(struct fw_cfg_regs *regs, uint32_t len)
{
	regs->offset = len > UINT32_MAX - regs->offset ? UINT32_MAX : regs->offset + len;
}

static void select_key(struct fw_cfg_regs *regs, uint16_t key)
{
	regs->selector = key;
	regs->offset = 0;
}

static void tell_written(const struct fw_cfg *fw, const void *hva, uint64_t len)
{
	if (fw->ops->written)
		fw->ops->written(fw->opaque, hva, len);
}

static bool dma_read(struct fw_cfg *fw, uint64_t gpa, uint32_t len)
{
	const struct fw_cfg_item *item = selected(fw);
	const size_t n = available(fw, item, len);
	uint8_t *to;
	bool done;

	if (len - n > FW_CFG_MAX_PADDING)
		return false;
	to = fw->ops->for_write(fw->opaque, gpa, len);
	if (!to)
		return false;
	done = !n || read_item(fw, item, fw->regs.offset, to, n);
	if (done) {
		memset(to + n, 0, len - n);
		advance(&fw->regs, len);
	}
	/* What could not be fetched may have been in part. */
	tell_written(fw, to, len);
	return done;
}

/* What does not fit the item is not written at all. */
static bool dma_write(struct fw_cfg *fw, uint64_t gpa, uint32_t len)
{
	const struct fw_cfg_item *item = selected(fw);
	const void *from;

	if (!item || !item->writable || available(fw, item, len) != len)
		return false;
	from = fw->ops->for_read(fw->opaque, gpa, len);
	if (!from)
		return false;
	memcpy(fw->regs.writable + item->at + fw->regs.offset, from, len);
	advance(&fw->regs, len);
	return true;
}

static bool carry_out(struct fw_cfg *fw, uint32_t control, uint32_t len, uint64_t gpa)
{
	if (control & DMA_SELECT)
		select_key(&fw->regs, (uint16_t)(control >> 16));
	if (control & (DMA_READ | DMA_WRITE) && !len)
		return true;
	if (control & DMA_READ)
		return dma_read(fw, gpa, len);
	if (control & DMA_WRITE)
		return dma_write(fw, gpa, len);
	if (control & DMA_SKIP)
		advance(&fw->regs, len);
	return true;
}

/* A structure that is not in RAM, or has left it, cannot be answered. */
static void dma(struct fw_cfg *fw, uint64_t gpa)
{
	const void *in_ram = fw->ops->for_read(fw->opaque, gpa, ACCESS_SIZE);
	uint8_t access[ACCESS_SIZE];
	uint8_t *answer;
	bool done;

	if (!in_ram)
		return;
	memcpy(access, in_ram, sizeof(access));
	done = carry_out(fw, load_be32(access + ACCESS_CONTROL),
			 load_be32(access + ACCESS_LENGTH),
			 __builtin_bswap64(load_le64(access + ACCESS_ADDRESS)));
	answer = fw->ops->for_write(fw->opaque, gpa + ACCESS_CONTROL, 4);
	if (!answer)
		return;
	store_be32(answer, done ? 0 : DMA_ERROR);
	tell_written(fw, answer, 4);
}

static uint64_t fw_cfg_read(void *dev, uint64_t offset, unsigned size)
{
	struct fw_cfg *fw = dev;
	const struct fw_cfg_item *item;
	uint8_t byte = 0;

	if (size != 1 || offset != PORT_DATA)
		return UINT64_MAX; /* the selector cannot be read */
	item = selected(fw);
	if (available(fw, item, 1) && !read_item(fw, item, fw->regs.offset, &byte, 1))
		byte = 0;
	advance(&fw->regs, 1);
	return byte;
}

static void fw_cfg_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct fw_cfg *fw = dev;

	if (size == 2 && offset == PORT_SELECTOR)
		select_key(&fw->regs, (uint16_t)value);
}

const struct io_ops fw_cfg_io = {
	.read = fw_cfg_read,
	.write = fw_cfg_write,
	.max_size = 2,
};

static uint64_t fw_cfg_dma_read(void *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)size;
	return __builtin_bswap64(DMA_SIGNATURE) >> (8 * offset);
}

static void fw_cfg_dma_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	const uint32_t half = __builtin_bswap32((uint32_t)value);
	struct fw_cfg *fw = dev;
	uint64_t gpa;

	if (size != 4)
		return;
	if (offset == DMA_ADDRESS_HIGH) {
		fw->regs.dma_high = half;
	} else if (offset == DMA_ADDRESS_LOW) {
		gpa = (uint64_t)fw->regs.dma_high << 32 | half;
		fw->regs.dma_high = 0;
		dma(fw, gpa);
	}
}

const struct io_ops fw_cfg_dma_io = {
	.read = fw_cfg_dma_read,
	.write = fw_cfg_dma_write,
	.max_size = 4,
};

/* The item's own copy of the bytes, or whatever was to be borrowed. */
static int take_content(struct fw_cfg_item *item, const struct fw_cfg_content *content,
			struct err *err)
{
	void *copy;

	if (content->size > UINT32_MAX)
		return err_set(err, "%llu bytes: firmware can be given less than 4G",
			       (unsigned long long)content->size);
	item->content = *content;
	if (content->read || content->borrowed || !content->size) {
		item->content.borrowed = true;
		return 0;
	}
	copy = malloc((size_t)content->size);
	if (!copy)
		return err_set(err, "no memory for %llu bytes",
			       (unsigned long long)content->size);
	memcpy(copy, content->data, (size_t)content->size);
	item->content.data = copy;
	return 0;
}

int fw_cfg_add_item(struct fw_cfg *fw, uint16_t key, const struct fw_cfg_content *content,
		    struct err *err)
{
	struct fw_cfg_item *item = &fw->items[fw->nr_items];

	if (fw->nr_items == FW_CFG_MAX_ITEMS)
		return err_set(err, "fw_cfg: more than %d items", FW_CFG_MAX_ITEMS);
	*item = (struct fw_cfg_item){ .key = key };
	if (take_content(item, content, err))
		return err_prefix(err, "fw_cfg item 0x%x: ", key);
	fw->nr_items++;
	return 0;
}

/* Make room for a file where the order of names wants it. */
static struct fw_cfg_item *insert_file(struct fw_cfg *fw, const char *name,
				       struct err *err)
{
	const size_t length = strlen(name);
	unsigned at = 0;
	int order = 1;

	if (!length || length >= FW_CFG_NAME_SIZE) {
		err_set(err, "a name has 1 to %d characters", FW_CFG_NAME_SIZE - 1);
		return NULL;
	}
	if (fw->nr_files == FW_CFG_MAX_FILES) {
		err_set(err, "more than %d files", FW_CFG_MAX_FILES);
		return NULL;
	}
	while (at < fw->nr_files && (order = strcmp(fw->files[at].name, name)) < 0)
		at++;
	if (!order) {
		err_set(err, "there is such a file already");
		return NULL;
	}
	memmove(&fw->files[at + 1], &fw->files[at],
		(fw->nr_files - at) * sizeof(fw->files[0]));
	fw->files[at] = (struct fw_cfg_item){ 0 };
	memcpy(fw->files[at].name, name, length);
	fw->nr_files++;
	fw->items[0].content.size = DIR_HEADER_SIZE + fw->nr_files * DIR_ENTRY_SIZE;
	return &fw->files[at];
}

int fw_cfg_add_file(struct fw_cfg *fw, const char *name,
		    const struct fw_cfg_content *content, struct err *err)
{
	struct fw_cfg_item taken, *file;

	if (take_content(&taken, content, err))
		return err_prefix(err, "fw_cfg file \"%s\": ", name);
	file = insert_file(fw, name, err);
	if (!file) {
		if (!taken.content.borrowed)
			free((void *)(uintptr_t)taken.content.data);
		return err_prefix(err, "fw_cfg file \"%s\": ", name);
	}
	file->content = taken.content;
	return 0;
}

int fw_cfg_add_number(struct fw_cfg *fw, uint16_t key, uint64_t value, size_t size,
		      struct err *err)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	return fw_cfg_add_item(
		fw, key, &(struct fw_cfg_content){ .data = bytes, .size = size }, err);
}

int fw_cfg_add_number_file(struct fw_cfg *fw, const char *name, uint64_t value,
			   size_t size, struct err *err)
{
	uint8_t bytes[8];

	store_le64(bytes, value);
	return fw_cfg_add_file(
		fw, name, &(struct fw_cfg_content){ .data = bytes, .size = size }, err);
}

int fw_cfg_add_writable_file(struct fw_cfg *fw, const char *name, size_t size,
			     struct err *err)
{
	struct fw_cfg_item *file;

	if (size > FW_CFG_WRITABLE_SIZE - fw->writable_used)
		return err_set(err,
			       "fw_cfg file \"%s\": more than %d bytes are "
			       "writable",
			       name, FW_CFG_WRITABLE_SIZE);
	file = insert_file(fw, name, err);
	if (!file)
		return err_prefix(err, "fw_cfg file \"%s\": ", name);
	file->content = (struct fw_cfg_content){ .borrowed = true, .size = size };
	file->writable = true;
	file->at = (uint16_t)fw->writable_used;
	fw->writable_used += size;
	return 0;
}

void fw_cfg_reset(struct fw_cfg *fw)
{
	fw->regs = (struct fw_cfg_regs){ 0 };
}

int fw_cfg_init(struct fw_cfg *fw, const struct fw_cfg_ops *ops, void *opaque,
		struct err *err)
{
	const struct fw_cfg_content directory = {
		.read = read_directory,
		.opaque = fw,
		.size = DIR_HEADER_SIZE,
	};
	const struct fw_cfg_content signature = {
		.data = "QEMU",
		.borrowed = true,
		.size = 4,
	};

	*fw = (struct fw_cfg){ .ops = ops, .opaque = opaque };
	/* The directory is items[0]: insert_file() makes it grow. */
	if (fw_cfg_add_item(fw, FW_CFG_FILE_DIR, &directory, err) ||
	    fw_cfg_add_item(fw, FW_CFG_SIGNATURE, &signature, err))
		return -1;
	return fw_cfg_add_number(fw, FW_CFG_ID, ID_TRADITIONAL | ID_DMA, 4, err);
}

static void release(struct fw_cfg_item *items, unsigned nr_items)
{
	for (unsigned i = 0; i < nr_items; i++) {
		if (!items[i].content.borrowed)
			free((void *)(uintptr_t)items[i].content.data);
	}
}

void fw_cfg_destroy(struct fw_cfg *fw)
{
	release(fw->items, fw->nr_items);
	release(fw->files, fw->nr_files);
	fw->nr_items = fw->nr_files = 0;
}

static const struct state_field fields[] = {
	STATE_FIELD(struct fw_cfg_regs, selector),
	STATE_FIELD(struct fw_cfg_regs, offset),
	STATE_FIELD(struct fw_cfg_regs, dma_high),
	STATE_FIELD(struct fw_cfg_regs, writable),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

int fw_cfg_save(const struct fw_cfg *fw, struct state_writer *writer, const char *section,
		struct err *err)
{
	return state_save(writer, section, &layout, &fw->regs, err);
}

/* Every value of every register is one that a guest can bring about. */
int fw_cfg_load(struct fw_cfg *fw, struct bytes image, const char *section,
		struct err *err)
{
	struct fw_cfg_regs regs = { 0 };

	if (state_load(image, section, &layout, &regs, err))
		return -1;
	fw->regs = regs;
	return 0;
}
