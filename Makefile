# SPDX-License-Identifier: BSD-2-Clause
# Short names for what the scripts do; the build itself is meson's.
#
#	make install [PREFIX=/usr] [DESTDIR=/tmp/package]

BUILD = build
PREFIX =
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

install: $(BUILD)/build.ninja
	$(if $(PREFIX),meson configure $(BUILD) -Dprefix=$(PREFIX))
	DESTDIR=$(DESTDIR) meson install -C $(BUILD)

clean:
	rm -rf $(BUILD)

.PHONY: all demo test lint fuzz bench install clean
