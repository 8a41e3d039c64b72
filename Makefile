# SPDX-License-Identifier: BSD-2-Clause
# Short names for what the scripts do; the build itself is meson's.
#
# "make help" lists the targets.

BUILD = build
PREFIX = /usr/local
DESTDIR =

all: $(BUILD)/build.ninja
	ninja -C $(BUILD) tane

$(BUILD)/build.ninja:
	meson setup $(BUILD)

cross:
	@tools/setup cross
	@tools/cross riscv64
	@tools/cross arm64

demo:
	@tools/demo

test:
	@tools/setup test lint
	@tests/run

lint:
	@tools/setup lint
	@tools/lint

fuzz:
	@tools/setup test
	@tests/fuzz/run

# With ARCH=riscv64 or arm64: boots of that architecture, in its lab.
ARCH = x86_64
bench:
ifeq ($(ARCH),x86_64)
	@tools/setup bench
	@tests/bench/run
	@tests/bench/disk
	@tests/bench/net
	@tests/bench/share
	@tests/bench/command
else
	@tools/setup cross lab-$(ARCH)
	@tests/bench/run --arch $(ARCH)
endif

install: $(BUILD)/build.ninja
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)

help:
	@echo "make           build $(BUILD)/tane"
	@echo "make cross     build static build-riscv64/tane and build-arm64/tane"
	@echo "make demo      boot a stock kernel to a shell, from nothing"
	@echo "make test      build and test everything (tests/run --help: parts of it)"
	@echo "make lint      static checks"
	@echo "make fuzz      fuzz the parsers, rings and chips"
	@echo "make bench     measure, against QEMU (ARCH=riscv64 or arm64: boots there)"
	@echo "make install   to PREFIX ($(PREFIX)) below DESTDIR ($(or $(DESTDIR),/))"
	@echo "make clean     remove $(BUILD)/"

.PHONY: all help cross demo test lint fuzz bench install clean
