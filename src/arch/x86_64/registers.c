/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The registers of an x86 vCPU, as a debugger sees them: two tables, one for gdb's
 * architecture i386 and one for i386:x86-64, over what KVM gives.
 *
 * The features, their registers and the order of these are gdb's ("i386 Features" in its
 * manual); what it has no feature for (bases, control registers, descriptor tables) is in
 * one of our own. A register that is narrower here than in the CPU shows its low part, and
 * to set it leaves the rest alone.
 */
#include <string.h>

#include "arch/x86_64/registers.h"
#include "util/bytes.h"

#define CR0_PE    1ull
#define RFLAGS_VM (1ull << 17)
#define EFER_LMA  (1ull << 10)

/* debug_register.which */
enum {
	PLAIN,
	PC,
	SELECTOR, /* followed by a base that belongs to it */
	FTAG,
	ZERO,
};

#define AT(member)   offsetof(struct vcpu_registers, member)
#define SIZE(member) sizeof(((struct vcpu_registers *)NULL)->member)
#define REGISTER(name, type, bits, member, which)                 \
	{                                                         \
		name, type, bits, AT(member), SIZE(member), which \
	}
#define R32(name, member)      REGISTER(name, "int32", 32, member, PLAIN)
#define R64(name, member)      REGISTER(name, "int64", 64, member, PLAIN)
#define P32(name, member)      REGISTER(name, "data_ptr", 32, member, PLAIN)
#define P64(name, member)      REGISTER(name, "data_ptr", 64, member, PLAIN)
#define SELECTOR(name, member) REGISTER(name, "int32", 32, member, SELECTOR)
#define ST(n)                                                      \
	{                                                          \
		"st" #n, "i387_ext", 80, AT(fpu.fpr[n]), 10, PLAIN \
	}
#define XMM(n) REGISTER("xmm" #n, "vec128", 128, fpu.xmm[n], PLAIN)

#define SELECTORS                                                                     \
	SELECTOR("cs", sregs.cs.selector), SELECTOR("ss", sregs.ss.selector),         \
		SELECTOR("ds", sregs.ds.selector), SELECTOR("es", sregs.es.selector), \
		SELECTOR("fs", sregs.fs.selector), SELECTOR("gs", sregs.gs.selector)

#define FPU_REGISTERS                                                                  \
	ST(0), ST(1), ST(2), ST(3), ST(4), ST(5), ST(6), ST(7), R32("fctrl", fpu.fcw), \
		R32("fstat", fpu.fsw), REGISTER("ftag", "int32", 32, ftag, FTAG),      \
		REGISTER("fiseg", "int32", 32, zero, ZERO), R32("fioff", fpu.last_ip), \
		REGISTER("foseg", "int32", 32, zero, ZERO), R32("fooff", fpu.last_dp), \
		R32("fop", fpu.last_opcode)

static const struct debug_register core_i386[] = {
	R32("eax", regs.rax),
	R32("ecx", regs.rcx),
	R32("edx", regs.rdx),
	R32("ebx", regs.rbx),
	P32("esp", regs.rsp),
	P32("ebp", regs.rbp),
	R32("esi", regs.rsi),
	R32("edi", regs.rdi),
	REGISTER("eip", "code_ptr", 32, pc, PC),
	REGISTER("eflags", "i386_eflags", 32, regs.rflags, PLAIN),
	SELECTORS,
	FPU_REGISTERS,
};

static const struct debug_register core_amd64[] = {
	R64("rax", regs.rax),
	R64("rbx", regs.rbx),
	R64("rcx", regs.rcx),
	R64("rdx", regs.rdx),
	R64("rsi", regs.rsi),
	R64("rdi", regs.rdi),
	P64("rbp", regs.rbp),
	P64("rsp", regs.rsp),
	R64("r8", regs.r8),
	R64("r9", regs.r9),
	R64("r10", regs.r10),
	R64("r11", regs.r11),
	R64("r12", regs.r12),
	R64("r13", regs.r13),
	R64("r14", regs.r14),
	R64("r15", regs.r15),
	REGISTER("rip", "code_ptr", 64, pc, PC),
	REGISTER("eflags", "i386_eflags", 32, regs.rflags, PLAIN),
	SELECTORS,
	FPU_REGISTERS,
};

#define MXCSR   REGISTER("mxcsr", "i386_mxcsr", 32, fpu.mxcsr, PLAIN)
#define XMM_LOW XMM(0), XMM(1), XMM(2), XMM(3), XMM(4), XMM(5), XMM(6), XMM(7)

static const struct debug_register sse_i386[] = { XMM_LOW, MXCSR };
static const struct debug_register sse_amd64[] = {
	XMM_LOW, XMM(8),  XMM(9),  XMM(10), XMM(11),
	XMM(12), XMM(13), XMM(14), XMM(15), MXCSR,
};

static const struct debug_register segments_amd64[] = {
	R64("fs_base", sregs.fs.base),
	R64("gs_base", sregs.gs.base),
};

#define CONTROL_REGISTERS(bits)                                       \
	REGISTER("cr0", "x86_cr0", bits, sregs.cr0, PLAIN),           \
		REGISTER("cr2", "data_ptr", bits, sregs.cr2, PLAIN),  \
		REGISTER("cr3", "data_ptr", bits, sregs.cr3, PLAIN),  \
		REGISTER("cr4", "x86_cr4", bits, sregs.cr4, PLAIN),   \
		REGISTER("cr8", "int" #bits, bits, sregs.cr8, PLAIN), \
		REGISTER("efer", "x86_efer", 64, sregs.efer, PLAIN)

#define TABLES(bits)                                                                 \
	REGISTER("gdtr_base", "data_ptr", bits, sregs.gdt.base, PLAIN),              \
		R32("gdtr_limit", sregs.gdt.limit),                                  \
		REGISTER("idtr_base", "data_ptr", bits, sregs.idt.base, PLAIN),      \
		R32("idtr_limit", sregs.idt.limit), R32("ldtr", sregs.ldt.selector), \
		REGISTER("ldtr_base", "data_ptr", bits, sregs.ldt.base, PLAIN),      \
		R32("tr", sregs.tr.selector),                                        \
		REGISTER("tr_base", "data_ptr", bits, sregs.tr.base, PLAIN)

#define DEBUG_REGISTERS(bits)                                          \
	REGISTER("dr0", "data_ptr", bits, debug.db[0], PLAIN),         \
		REGISTER("dr1", "data_ptr", bits, debug.db[1], PLAIN), \
		REGISTER("dr2", "data_ptr", bits, debug.db[2], PLAIN), \
		REGISTER("dr3", "data_ptr", bits, debug.db[3], PLAIN), \
		REGISTER("dr6", "int" #bits, bits, debug.dr6, PLAIN),  \
		REGISTER("dr7", "int" #bits, bits, debug.dr7, PLAIN)

static const struct debug_register system_i386[] = {
	P32("cs_base", sregs.cs.base), P32("ss_base", sregs.ss.base),
	P32("ds_base", sregs.ds.base), P32("es_base", sregs.es.base),
	P32("fs_base", sregs.fs.base), P32("gs_base", sregs.gs.base),
	CONTROL_REGISTERS(32),         TABLES(32),
	DEBUG_REGISTERS(32),
};

static const struct debug_register system_amd64[] = {
	P64("cs_base", sregs.cs.base),
	P64("ss_base", sregs.ss.base),
	P64("ds_base", sregs.ds.base),
	P64("es_base", sregs.es.base),
	P64("k_gs_base", kernel_gs_base),
	CONTROL_REGISTERS(64),
	TABLES(64),
	DEBUG_REGISTERS(64),
};

/* What gdb prints of a register of flags: the names of those that are set. */
#define FLAG(name, bit) "<field name=\"" name "\" start=\"" #bit "\" end=\"" #bit "\"/>"
#define FLAGS(id, size, fields) \
	"<flags id=\"" id "\" size=\"" size "\">" fields "</flags>"

/* SDM vol. 1, 3.4.3 */
#define EFLAGS_TYPE                                                                 \
	FLAGS("i386_eflags", "4",                                                   \
	      FLAG("CF", 0) FLAG("", 1) FLAG("PF", 2) FLAG("AF", 4) FLAG("ZF", 6)   \
		      FLAG("SF", 7) FLAG("TF", 8) FLAG("IF", 9) FLAG("DF", 10)      \
			      FLAG("OF", 11) FLAG("NT", 14) FLAG("RF", 16)          \
				      FLAG("VM", 17) FLAG("AC", 18) FLAG("VIF", 19) \
					      FLAG("VIP", 20) FLAG("ID", 21))

/* 10.2.3 */
#define MXCSR_TYPE                                                                       \
	FLAGS("i386_mxcsr", "4",                                                         \
	      FLAG("IE", 0) FLAG("DE", 1) FLAG("ZE", 2) FLAG("OE", 3) FLAG("UE", 4)      \
		      FLAG("PE", 5) FLAG("DAZ", 6) FLAG("IM", 7) FLAG("DM", 8)           \
			      FLAG("ZM", 9) FLAG("OM", 10) FLAG("UM", 11) FLAG("PM", 12) \
				      FLAG("FZ", 15))

#define VECTOR(id, type, count) \
	"<vector id=\"" id "\" type=\"" type "\" count=\"" count "\"/>"
#define VEC128_TYPE                                                                          \
	VECTOR("v4f", "ieee_single", "4")                                                    \
	VECTOR("v2d", "ieee_double", "2")                                                    \
	VECTOR("v16i8", "int8", "16")                                                        \
	VECTOR("v8i16", "int16", "8")                                                        \
	VECTOR("v4i32", "int32", "4")                                                        \
	VECTOR("v2i64", "int64", "2")                                                        \
	"<union id=\"vec128\">"                                                              \
	"<field name=\"v4_float\" type=\"v4f\"/><field name=\"v2_double\" type=\"v2d\"/>"    \
	"<field name=\"v16_int8\" type=\"v16i8\"/><field name=\"v8_int16\" type=\"v8i16\"/>" \
	"<field name=\"v4_int32\" type=\"v4i32\"/><field name=\"v2_int64\" type=\"v2i64\"/>" \
	"<field name=\"uint128\" type=\"uint128\"/></union>"

/* SDM vol. 3, 2.5 and 2.2.1 */
#define SYSTEM_TYPES(size)                                                              \
	FLAGS("x86_cr0", size,                                                          \
	      FLAG("PE", 0) FLAG("MP", 1) FLAG("EM", 2) FLAG("TS", 3) FLAG("ET", 4)     \
		      FLAG("NE", 5) FLAG("WP", 16) FLAG("AM", 18) FLAG("NW", 29)        \
			      FLAG("CD", 30) FLAG("PG", 31))                            \
	FLAGS("x86_cr4", size,                                                          \
	      FLAG("VME", 0) FLAG("PVI", 1) FLAG("TSD", 2) FLAG("DE", 3) FLAG("PSE", 4) \
		      FLAG("PAE", 5) FLAG("MCE", 6) FLAG("PGE", 7) FLAG("PCE", 8) FLAG( \
			      "OSFXSR", 9) FLAG("OSXMMEXCPT", 10) FLAG("UMIP", 11)      \
			      FLAG("LA57", 12) FLAG("VMXE", 13) FLAG("SMXE", 14)        \
				      FLAG("FSGSBASE", 16) FLAG("PCIDE", 17)            \
					      FLAG("OSXSAVE", 18) FLAG("SMEP", 20)      \
						      FLAG("SMAP", 21) FLAG("PKE", 22)  \
							      FLAG("CET", 23))          \
	FLAGS("x86_efer", "8",                                                          \
	      FLAG("SCE", 0) FLAG("LME", 8) FLAG("LMA", 10) FLAG("NXE", 11)             \
		      FLAG("SVME", 12) FLAG("FFXSR", 14))

#define NR(array) (sizeof(array) / sizeof((array)[0]))
#define FEATURE(name, types, list, is_system)          \
	{                                              \
		name, types, list, NR(list), is_system \
	}

#define FEATURES_I386                                                             \
	FEATURE("org.gnu.gdb.i386.core", EFLAGS_TYPE, core_i386, false),          \
		FEATURE("org.gnu.gdb.i386.sse", VEC128_TYPE MXCSR_TYPE, sse_i386, \
			false),                                                   \
		FEATURE("tane.i386.system", SYSTEM_TYPES("4"), system_i386, true)

const struct debug_layout registers_i8086 = {
	.architecture = "i8086",
	.features = { FEATURES_I386 },
	.nr_features = 3,
};

const struct debug_layout registers_i386 = {
	.architecture = "i386",
	.features = { FEATURES_I386 },
	.nr_features = 3,
};

const struct debug_layout registers_amd64 = {
	.architecture = "i386:x86-64",
	.features = { FEATURE("org.gnu.gdb.i386.core", EFLAGS_TYPE, core_amd64, false),
		      FEATURE("org.gnu.gdb.i386.sse", VEC128_TYPE MXCSR_TYPE, sse_amd64,
			      false),
		      FEATURE("org.gnu.gdb.i386.segments", NULL, segments_amd64, false),
		      FEATURE("tane.i386.system", SYSTEM_TYPES("8"), system_amd64,
			      true) },
	.nr_features = 4,
};

/* In 64-bit mode the base of CS counts as 0 (SDM vol. 3, 3.4.4). */
static uint64_t code_base(const struct vcpu_registers *r)
{
	return (r->sregs.efer & EFER_LMA) && r->sregs.cs.l ? 0 : r->sregs.cs.base;
}

static uint64_t code_mask(const struct vcpu_registers *r)
{
	return (r->sregs.efer & EFER_LMA) && r->sregs.cs.l ? UINT64_MAX : UINT32_MAX;
}

/*
 * FXSAVE keeps one bit for each register, in their physical order: does it hold
 * something? The tag word says what (SDM vol. 1, 8.1.7): valid, zero, special, empty.
 */
static uint32_t full_tags(const struct kvm_fpu *fpu)
{
	const unsigned top = fpu->fsw >> 11 & 7;
	uint32_t tags = 0;

	for (unsigned i = 0; i < 8; i++) {
		const uint8_t *value = fpu->fpr[(i - top) & 7];
		const unsigned exponent = load_le16(value + 8) & 0x7fff;
		const uint64_t significand = load_le64(value);
		uint32_t tag = 3;

		if (fpu->ftwx & 1u << i) {
			if (exponent == 0 && significand == 0)
				tag = 1;
			else if (exponent == 0x7fff || !(significand >> 63))
				tag = 2;
			else
				tag = 0;
		}
		tags |= tag << i * 2;
	}
	return tags;
}

static uint8_t short_tags(uint32_t tags)
{
	uint8_t bits = 0;

	for (unsigned i = 0; i < 8; i++) {
		if ((tags >> i * 2 & 3) != 3)
			bits |= (uint8_t)(1u << i);
	}
	return bits;
}

uint64_t registers_pc(const struct vcpu_registers *r)
{
	return (code_base(r) + r->regs.rip) & code_mask(r);
}

void registers_derive(struct vcpu_registers *r)
{
	r->pc = registers_pc(r);
	r->ftag = full_tags(&r->fpu);
	r->zero = 0;
	r->changed = 0;
}

void registers_settle(struct vcpu_registers *r)
{
	r->regs.rip = (r->pc - code_base(r)) & code_mask(r);
	r->fpu.ftwx = short_tags(r->ftag);
}

void registers_get(const struct vcpu_registers *r, const struct debug_register *which,
		   uint8_t to[DEBUG_REGISTER_BYTES])
{
	const size_t bytes = which->bits / 8u;

	memset(to, 0, DEBUG_REGISTER_BYTES);
	memcpy(to, (const uint8_t *)r + which->offset,
	       which->size < bytes ? which->size : bytes);
}

static unsigned part_of(const struct debug_register *which)
{
	if (which->which == ZERO)
		return 0;
	if (which->which == PC || which->offset < AT(sregs))
		return CHANGED_REGS;
	if (which->which == FTAG)
		return CHANGED_FPU;
	if (which->offset < AT(fpu))
		return CHANGED_SREGS;
	if (which->offset < AT(debug))
		return CHANGED_FPU;
	return which->offset < AT(kernel_gs_base) ? CHANGED_DEBUG : CHANGED_GSBASE;
}

/* In real and virtual 8086 mode a selector is a base (SDM vol. 3, 21.1.1). */
static void load_selector(struct vcpu_registers *r, const struct debug_register *which)
{
	const size_t offset = which->offset - offsetof(struct kvm_segment, selector);
	struct kvm_segment *segment = (struct kvm_segment *)((uint8_t *)r + offset);
	const uint64_t rip = r->pc - code_base(r);

	if ((r->sregs.cr0 & CR0_PE) && !(r->regs.rflags & RFLAGS_VM))
		return;
	segment->base = (uint64_t)segment->selector << 4;
	/* A new CS moves the program counter along. */
	r->pc = (code_base(r) + rip) & code_mask(r);
}

void registers_set(struct vcpu_registers *r, const struct debug_register *which,
		   const uint8_t from[DEBUG_REGISTER_BYTES])
{
	const size_t bytes = which->bits / 8u;
	const size_t size = which->size < bytes ? which->size : bytes;
	uint8_t *to = (uint8_t *)r + which->offset;

	/* gdb writes back all registers when one has changed: keep what has not. */
	if (which->which == ZERO || memcmp(to, from, size) == 0)
		return;
	memcpy(to, from, size);
	if (which->which == SELECTOR)
		load_selector(r, which);
	r->changed |= part_of(which);
}
