# The rehearsal provider of Terraform (provider/), alone: of the platform it links room base only.

PROVIDER_VERSION := $(shell sed -n 's/^version //p' provider/aws.schema)
PROVIDER_MIRROR  := build/provider-mirror
PROVIDER_PACKAGE := $(PROVIDER_MIRROR)/registry.terraform.io/hashicorp/aws/$(PROVIDER_VERSION)
PROVIDER_BINARY  := $(PROVIDER_PACKAGE)/linux_amd64/terraform-provider-aws_v$(PROVIDER_VERSION)
PROVIDER_LIBS    := -lnghttp2 -lprotobuf-c -lmsgpackc -lssl -lcrypto -lxxhash
PROVIDER_PROTO   := build/provider-proto/tfplugin6.pb-c

PROVIDER         := $(sort $(wildcard provider/*.c))
PROVIDER_LIB     := $(filter-out provider/main.c,$(PROVIDER)) $(PROVIDER_PROTO).c
PROVIDER_UNIT    := $(sort $(wildcard tests/unit/provider/test_*.c))
PROVIDER_HELPERS := $(filter-out $(PROVIDER_UNIT),$(wildcard tests/unit/provider/*.c))
PROVIDER_TESTS   := $(PROVIDER_UNIT) $(PROVIDER_HELPERS) $(PROVIDER_FUZZ)
PROVIDER_INCLUDES := -I. -isystem build/provider-proto
PROVIDER_BASE    := $(addprefix src/base/,arena.c bytes.c check.c encode.c error.c hash.c \
                      json_reader.c json_writer.c memory.c)

$(PROVIDER_PROTO).c $(PROVIDER_PROTO).h &: provider/tfplugin6.proto | deps
	@mkdir -p $(@D)
	protoc-c --proto_path=provider --c_out=$(@D) $<

# Generated code, which our warnings do not concern, and the assembler's look at the schemas.
define PROVIDER_VARIANT
build/$(1)/$(PROVIDER_PROTO).o: $(PROVIDER_PROTO).c | deps
	@mkdir -p $$(@D)
	$$(or $$(CC_$(1)),$$(CC)) -O2 -g $$(filter-out -D_FORTIFY_SOURCE=2,$$(CFLAGS_$(1))) -c $$< -o $$@
$(patsubst %.c,build/$(1)/%.o,$(PROVIDER) $(PROVIDER_TESTS)): COMMON += $(PROVIDER_INCLUDES)
$(patsubst %.c,build/$(1)/%.o,$(PROVIDER) $(PROVIDER_TESTS)): | $(PROVIDER_PROTO).h
build/$(1)/provider/schema_data.o: provider/aws.schema
build/$(1)/provider.a: $(patsubst %.c,build/$(1)/%.o,$(PROVIDER_LIB) $(PROVIDER_BASE))
	@rm -f $$@
	@$$(AR) rcs $$@ $$^
build/$(1)/terraform-provider-aws: build/$(1)/provider/main.o build/$(1)/provider.a
	$$(or $$(CC_$(1)),$$(CC)) $$(LDFLAGS_$(1)) $$^ $$(PROVIDER_LIBS) -o $$@
endef
$(foreach variant,release asan fuzz,$(eval $(call PROVIDER_VARIANT,$(variant))))

# $(call PROVIDER_PROGRAM,variant,program,further sources,further libraries)
define PROVIDER_PROGRAM
build/$(1)/$(2): $(patsubst %.c,build/$(1)/%.o,$(2).c $(3)) build/$(1)/provider.a
	$$(or $$(CC_$(1)),$$(CC)) $$(LDFLAGS_$(1)) $$^ $$(PROVIDER_LIBS) $(4) -o $$@
endef
$(foreach test,$(PROVIDER_UNIT:.c=),$(eval \
  $(call PROVIDER_PROGRAM,asan,$(test),$(PROVIDER_HELPERS),-lcmocka)))
$(foreach test,$(PROVIDER_FUZZ:.c=),$(eval \
  $(call PROVIDER_PROGRAM,fuzz,$(test),$(PROVIDER_HELPERS))))
$(foreach test,$(PROVIDER_FUZZ:.c=),$(eval \
  $(call PROVIDER_PROGRAM,asan,$(test),tests/fuzz/replay.c $(PROVIDER_HELPERS))))

# $(call INSTALL_PROVIDER,command): into the mirror, of which Terraform wants one version only. The
# command's last argument, which is not written here, is where the program goes.
define INSTALL_PROVIDER
	@rm -rf $(PROVIDER_MIRROR) && mkdir -p $(dir $(PROVIDER_BINARY))
	@$(1) $(PROVIDER_BINARY)
	@mkdir -p $(PROVIDER_MIRROR)/registry.opentofu.org
	@cp -r $(PROVIDER_MIRROR)/registry.terraform.io/hashicorp $(PROVIDER_MIRROR)/registry.opentofu.org/
	@echo "$(PROVIDER_BINARY)"
endef

.PHONY: provider
provider: build/release/terraform-provider-aws ## the offline Terraform provider, into its mirror
	$(call INSTALL_PROVIDER,objcopy --strip-all $<)

# The same with sanitizers, for a rehearsal that looks for mistakes of the provider.
.PHONY: provider-asan
provider-asan: build/asan/terraform-provider-aws
	$(call INSTALL_PROVIDER,cp $<)
