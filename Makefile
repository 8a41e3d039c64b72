# SPDX-License-Identifier: BSD-2-Clause
# Short names for what the scripts do; the build itself is meson's.
#
# "make help" lists the targets.

BUILD = build
PREFIX = /usr/local
DESTDIR =

all: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

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

bench:
	@tools/setup bench
	@tests/bench/run
	@tests/bench/disk
	@tests/bench/net

install: $(BUILD)/build.ninja
	meson configure $(BUILD) -Dprefix=$(PREFIX)
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)

help:
	@echo "make           build $(BUILD)/tane"
	@echo "make demo      boot a stock kernel to a shell, from nothing"
	@echo "make test      build and test everything (tests/run --help: parts of it)"
	@echo "make lint      static checks"
	@echo "make fuzz      fuzz the parsers, rings and chips"
	@echo "make bench     measure, against QEMU"
	@echo "make install   to PREFIX ($(PREFIX)) below DESTDIR ($(or $(DESTDIR),/))"
	@echo "make clean     remove $(BUILD)/"

.PHONY: all help demo test lint fuzz bench install clean
