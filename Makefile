# `make` builds, `make install` copies to PREFIX below DESTDIR. `make archive`, `make deb` (with
# cargo-deb) and `make rpm` (with cargo-generate-rpm) make what a release has for download, for
# another target with TARGET=x86_64-unknown-linux-musl.

PREFIX = /usr/local
DESTDIR =
CARGO = cargo
INSTALL = install
TARGET =

NAME = grpkill-timeout
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
# cargo puts what it builds into one of several directories, but what it installs into one.
BUILD = target/make
BINARY = $(BUILD)/bin/$(NAME)

SHARE = $(DESTDIR)$(PREFIX)/share
DOC = $(SHARE)/doc/$(NAME)
# Expanded only where it is needed: root may have no rustc.
TUPLE = $(or $(TARGET),$(shell rustc --print host-tuple))
ARCHIVE = $(NAME)-$(VERSION)-$(firstword $(subst -, ,$(TUPLE)))-linux
DIST = target/dist

.PHONY: all install uninstall archive deb rpm clean

all:
	$(CARGO) install --quiet --locked --no-track --force --path . --root $(BUILD) \
	    $(if $(TARGET),--target=$(TARGET))

# Only where there is none: root may have no cargo.
$(BINARY):
	$(MAKE) all

install: $(BINARY)
	$(INSTALL) -D -m 755 $(BINARY) $(DESTDIR)$(PREFIX)/bin/$(NAME)
	$(INSTALL) -D -m 644 man/$(NAME).1 $(SHARE)/man/man1/$(NAME).1
	$(INSTALL) -D -m 644 completions/$(NAME).bash $(SHARE)/bash-completion/completions/$(NAME)
	$(INSTALL) -D -m 644 completions/_$(NAME) $(SHARE)/zsh/site-functions/_$(NAME)
	$(INSTALL) -D -m 644 completions/$(NAME).fish $(SHARE)/fish/vendor_completions.d/$(NAME).fish
	$(INSTALL) -d -m 755 $(DOC)
	$(INSTALL) -m 644 README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE schema/report.schema.json $(DOC)

uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/$(NAME) $(SHARE)/man/man1/$(NAME).1
	rm -f $(SHARE)/bash-completion/completions/$(NAME) $(SHARE)/zsh/site-functions/_$(NAME)
	rm -f $(SHARE)/fish/vendor_completions.d/$(NAME).fish
	rm -rf $(DOC)

archive: all
	rm -rf $(DIST)/$(ARCHIVE)
	$(MAKE) install DESTDIR= PREFIX=$(DIST)/$(ARCHIVE)
	tar -C $(DIST) --sort=name --owner=0 --group=0 --numeric-owner -czf $(DIST)/$(ARCHIVE).tar.gz $(ARCHIVE)
	rm -rf $(DIST)/$(ARCHIVE)

deb:
	$(CARGO) deb --locked --target=$(TUPLE) --output=$(DIST)/

rpm:
	mkdir -p $(DIST)
	$(CARGO) build --release --locked --target=$(TUPLE)
	$(CARGO) generate-rpm --target=$(TUPLE) --output=$(DIST)/

clean:
	rm -rf $(BUILD) $(DIST)
