/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * RISC-V PLIC.
 *
 * Each source has a gateway, which turns the level of its line into requests: while the
 * line is high there is one request at a time, pending until a hart claims it, then
 * claimed until one completes it. If the line is still high then, it pends anew. A
 * request that is pending stays so when the line goes low, as the specification has it;
 * the driver finds nothing to do.
 *
 * So a source that is high is pending or claimed, and never both: accept() keeps this,
 * and a saved state must show it.
 *
 * A context has an interrupt to offer when a source that is pending and enabled there
 * has a priority above its threshold. A claim does not look at the threshold. Both ask
 * best_source(), which goes through the words of the pending bits that are not 0, so
 * its cost depends on how many sources pend and not on how many there are. After each
 * change update_context() works the output out anew, for the contexts that it concerns.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dev/plic.h"

#define SECTION_NAME_SIZE 64

static bool get_bit(const uint32_t *bits, unsigned source)
{
	return bits[source / 32] >> source % 32 & 1;
}

static void put_bit(uint32_t *bits, unsigned source, bool value)
{
	const uint32_t mask = UINT32_C(1) << source % 32;

	if (value)
		bits[source / 32] |= mask;
	else
		bits[source / 32] &= ~mask;
}

/* The bits of a word that are sources. */
static uint32_t source_mask(const struct plic *plic, unsigned word)
{
	const unsigned end =
		plic->nr_sources + 1; /* of the bits in use, over all words */
	uint32_t mask = 0;

	if (end >= (word + 1) * 32)
		mask = UINT32_MAX;
	else if (end > word * 32)
		mask = (UINT32_C(1) << (end - word * 32)) - 1;
	return word ? mask : mask & ~UINT32_C(1);
}

static bool is_source(const struct plic *plic, uint64_t n)
{
	return n && n <= plic->nr_sources;
}

static void set_pending(struct plic *plic, unsigned source, bool pending)
{
	const unsigned word = source / 32;

	put_bit(plic->regs.pending, source, pending);
	put_bit(&plic->pending_words, word, plic->regs.pending[word]);
}

/*
 * Of the sources that pend and are enabled, the one of the highest priority, which must
 * be greater than `above`; of equal ones the lowest number. 0: none.
 */
static unsigned best_source(const struct plic *plic, const struct plic_context *context,
			    unsigned above)
{
	unsigned best = 0;

	for (uint32_t words = plic->pending_words; words; words &= words - 1) {
		const unsigned word = (unsigned)__builtin_ctz(words);
		uint32_t bits = plic->regs.pending[word] & context->regs.enable[word];

		for (; bits; bits &= bits - 1) {
			unsigned source = word * 32 + (unsigned)__builtin_ctz(bits);

			if (plic->regs.priority[source] <= above)
				continue;
			above = plic->regs.priority[source];
			best = source;
		}
	}
	return best;
}

static void update_context(struct plic *plic, unsigned n)
{
	struct plic_context *context = &plic->contexts[n];
	bool external = best_source(plic, context, context->regs.threshold) != 0;

	if (external == context->external)
		return;
	context->external = external;
	plic->set_external(plic->opaque, n, external);
}

/* Something about a source has changed. */
static void update_source(struct plic *plic, unsigned source)
{
	for (unsigned i = 0; i < plic->nr_contexts; i++) {
		if (get_bit(plic->contexts[i].regs.enable, source))
			update_context(plic, i);
	}
}

/* The gateway: a line that is high makes a request, if there is none under way. */
static void accept_request(struct plic *plic, unsigned source)
{
	if (!get_bit(plic->regs.level, source) || get_bit(plic->regs.claimed, source) ||
	    get_bit(plic->regs.pending, source))
		return;
	set_pending(plic, source, true);
	update_source(plic, source);
}

void plic_set(struct plic *plic, unsigned source, bool level)
{
	if (!is_source(plic, source))
		return;
	put_bit(plic->regs.level, source, level);
	accept_request(plic, source);
}

static uint32_t claim(struct plic *plic, const struct plic_context *context)
{
	unsigned source = best_source(plic, context, 0);

	if (!source)
		return 0;
	set_pending(plic, source, false);
	put_bit(plic->regs.claimed, source, true);
	update_source(plic, source);
	return source;
}

/* By any context that has it enabled; what is not is ignored without a word. */
static void complete(struct plic *plic, const struct plic_context *context, uint64_t id)
{
	if (!is_source(plic, id) || !get_bit(context->regs.enable, (unsigned)id))
		return;
	put_bit(plic->regs.claimed, (unsigned)id, false);
	accept_request(plic, (unsigned)id);
}

/* Where a register of a context is; false if there is none. */
static bool find_context(const struct plic *plic, uint64_t offset, unsigned *context,
			 unsigned *at)
{
	const bool is_enable = offset < PLIC_CONTEXT;
	const uint64_t base = is_enable ? PLIC_ENABLE : PLIC_CONTEXT;
	const uint64_t stride = is_enable ? PLIC_ENABLE_STRIDE : PLIC_CONTEXT_STRIDE;

	if ((offset - base) / stride >= plic->nr_contexts)
		return false;
	*context = (unsigned)((offset - base) / stride);
	*at = (unsigned)((offset - base) % stride);
	return true;
}

static uint64_t read_context(struct plic *plic, uint64_t offset)
{
	const struct plic_context *context;
	unsigned n, at;

	if (!find_context(plic, offset, &n, &at))
		return 0;
	context = &plic->contexts[n];
	if (offset < PLIC_CONTEXT)
		return context->regs.enable[at / 4];
	switch (at) {
	case PLIC_THRESHOLD:
		return context->regs.threshold;
	case PLIC_CLAIM:
		return claim(plic, context);
	default:
		return 0;
	}
}

static uint64_t plic_read(void *dev, uint64_t offset, unsigned size)
{
	struct plic *plic = dev;

	if (size != 4 || offset % 4)
		return 0;
	if (offset < PLIC_PENDING)
		return plic->regs.priority[offset / 4];
	if (offset >= PLIC_ENABLE)
		return read_context(plic, offset);
	if (offset < PLIC_PENDING + sizeof(plic->regs.pending))
		return plic->regs.pending[(offset - PLIC_PENDING) / 4];
	return 0;
}

static void write_priority(struct plic *plic, unsigned source, uint64_t value)
{
	if (!is_source(plic, source))
		return;
	plic->regs.priority[source] = value & PLIC_MAX_PRIORITY;
	if (get_bit(plic->regs.pending, source))
		update_source(plic, source);
}

static void write_context(struct plic *plic, uint64_t offset, uint64_t value)
{
	struct plic_context *context;
	unsigned n, at;

	if (!find_context(plic, offset, &n, &at))
		return;
	context = &plic->contexts[n];
	if (offset < PLIC_CONTEXT)
		context->regs.enable[at / 4] =
			(uint32_t)value & source_mask(plic, at / 4);
	else if (at == PLIC_THRESHOLD)
		context->regs.threshold = value & PLIC_MAX_PRIORITY;
	else if (at == PLIC_CLAIM)
		complete(plic, context, value);
	update_context(plic, n);
}

static void plic_write(void *dev, uint64_t offset, unsigned size, uint64_t value)
{
	struct plic *plic = dev;

	if (size != 4 || offset % 4)
		return;
	if (offset < PLIC_PENDING)
		write_priority(plic, (unsigned)offset / 4, value);
	else if (offset >= PLIC_ENABLE)
		write_context(plic, offset, value);
	/* The pending bits are read only. */
}

const struct io_ops plic_io = {
	.read = plic_read,
	.write = plic_write,
	.max_size = 4,
};

/* Work out all that follows from the registers. `told`: the harts know our outputs. */
static void update_all(struct plic *plic, bool told)
{
	plic->pending_words = 0;
	for (unsigned word = 0; word < PLIC_WORDS; word++)
		put_bit(&plic->pending_words, word, plic->regs.pending[word]);
	for (unsigned i = 0; i < plic->nr_contexts; i++) {
		struct plic_context *context = &plic->contexts[i];

		if (!told)
			context->external =
				!best_source(plic, context, context->regs.threshold);
		update_context(plic, i);
	}
}

static void regs_reset(struct plic *plic)
{
	plic->regs = (struct plic_regs){ .nr_contexts = plic->nr_contexts };
	for (unsigned i = 0; i < plic->nr_contexts; i++)
		plic->contexts[i].regs = (struct plic_context_regs){ 0 };
}

void plic_reset(struct plic *plic)
{
	uint32_t level[PLIC_WORDS];

	memcpy(level, plic->regs.level, sizeof(level));
	regs_reset(plic);
	memcpy(plic->regs.level, level, sizeof(level));
	memcpy(plic->regs.pending, level, sizeof(level));
	update_all(plic, true);
}

static int alloc_contexts(struct plic *plic, struct err *err)
{
	plic->contexts = calloc(plic->nr_contexts, sizeof(*plic->contexts));
	if (!plic->contexts)
		return err_set(err, "PLIC: no memory for %u contexts", plic->nr_contexts);
	return 0;
}

int plic_init(struct plic *plic, unsigned nr_sources, unsigned nr_contexts,
	      void (*set_external)(void *opaque, unsigned context, bool level),
	      void *opaque, struct err *err)
{
	*plic = (struct plic){ .set_external = set_external, .opaque = opaque };
	if (!nr_sources || nr_sources > PLIC_MAX_SOURCES)
		return err_set(err, "PLIC: it has 1 to %d sources, not %u",
			       PLIC_MAX_SOURCES, nr_sources);
	if (!nr_contexts || nr_contexts > PLIC_MAX_CONTEXTS)
		return err_set(err, "PLIC: it serves 1 to %d CPUs, not %u",
			       PLIC_MAX_CONTEXTS, nr_contexts);
	plic->nr_sources = nr_sources;
	plic->nr_contexts = nr_contexts;
	if (alloc_contexts(plic, err))
		return -1;
	regs_reset(plic);
	return 0;
}

void plic_destroy(struct plic *plic)
{
	free(plic->contexts);
	plic->contexts = NULL;
}

static const struct state_field fields[] = {
	STATE_FIELD(struct plic_regs, nr_contexts),
	STATE_FIELD(struct plic_regs, priority),
	STATE_FIELD(struct plic_regs, level),
	STATE_FIELD(struct plic_regs, pending),
	STATE_FIELD(struct plic_regs, claimed),
};

static const struct state_layout layout = {
	.version = 1,
	.nr_fields = sizeof(fields) / sizeof(fields[0]),
	.fields = fields,
};

static const struct state_field context_fields[] = {
	STATE_FIELD(struct plic_context_regs, enable),
	STATE_FIELD(struct plic_context_regs, threshold),
};

static const struct state_layout context_layout = {
	.version = 1,
	.nr_fields = sizeof(context_fields) / sizeof(context_fields[0]),
	.fields = context_fields,
};

static void context_section(char name[SECTION_NAME_SIZE], const char *section, unsigned n)
{
	snprintf(name, SECTION_NAME_SIZE, "%s.%u", section, n);
}

int plic_save(const struct plic *plic, struct state_writer *writer, const char *section,
	      struct err *err)
{
	char name[SECTION_NAME_SIZE];

	if (state_save(writer, section, &layout, &plic->regs, err))
		return -1;
	for (unsigned i = 0; i < plic->nr_contexts; i++) {
		context_section(name, section, i);
		if (state_save(writer, name, &context_layout, &plic->contexts[i].regs,
			       err))
			return -1;
	}
	return 0;
}

/* Could the chip itself have got into this state? */
static bool regs_valid(const struct plic *plic)
{
	const struct plic_regs *regs = &plic->regs;

	for (unsigned i = 0; i <= PLIC_MAX_SOURCES; i++) {
		if (regs->priority[i] > (is_source(plic, i) ? PLIC_MAX_PRIORITY : 0))
			return false;
	}
	for (unsigned word = 0; word < PLIC_WORDS; word++) {
		const uint32_t under_way = regs->pending[word] | regs->claimed[word];

		if (under_way & ~source_mask(plic, word) ||
		    regs->pending[word] & regs->claimed[word] ||
		    regs->level[word] & ~under_way)
			return false;
	}
	for (unsigned i = 0; i < plic->nr_contexts; i++) {
		const struct plic_context_regs *context = &plic->contexts[i].regs;

		for (unsigned word = 0; word < PLIC_WORDS; word++) {
			if (context->enable[word] & ~source_mask(plic, word))
				return false;
		}
		if (context->threshold > PLIC_MAX_PRIORITY)
			return false;
	}
	return true;
}

/* Fill the registers of `plic`, a scratch copy. */
static int load_regs(struct plic *plic, struct bytes image, const char *section,
		     struct err *err)
{
	char name[SECTION_NAME_SIZE];

	if (state_load(image, section, &layout, &plic->regs, err))
		return -1;
	if (plic->regs.nr_contexts != plic->nr_contexts)
		return err_set(err,
			       "state of %s: it is of a machine with %" PRIu32
			       " CPUs, this one has %u; start with as many",
			       section, plic->regs.nr_contexts, plic->nr_contexts);
	for (unsigned i = 0; i < plic->nr_contexts; i++) {
		context_section(name, section, i);
		if (state_load(image, name, &context_layout, &plic->contexts[i].regs,
			       err))
			return -1;
	}
	if (!regs_valid(plic))
		return state_err_impossible(err, section);
	return 0;
}

int plic_load(struct plic *plic, struct bytes image, const char *section, struct err *err)
{
	struct plic loaded = *plic;

	if (alloc_contexts(&loaded, err))
		return -1;
	regs_reset(&loaded);
	if (load_regs(&loaded, image, section, err)) {
		plic_destroy(&loaded);
		return -1;
	}
	plic_destroy(plic);
	*plic = loaded;
	update_all(plic, false);
	return 0;
}
