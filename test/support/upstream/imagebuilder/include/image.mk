# Root filesystem and image steps.

IMAGE_FILESYSTEMS := $(or $(USER_FILESYSTEM),$(FILESYSTEMS))
IMAGE_NAME := $(IMG_PREFIX)-$(PROFILE_ID)
ROOT_FILES := $(addprefix $(KERNEL_BUILD_DIR)/root.,$(IMAGE_FILESYSTEMS) $(if $(CONFIG_TARGET_ROOTFS_TARGZ),tar.gz))
export IMAGE_FILESYSTEMS IMAGE_NAME

prepare_rootfs: FORCE
	@echo
	@echo 'Finalizing root filesystem...'
	@cp -fpR $(TARGET_DIR) $(TARGET_DIR_ORIG)
	$(if $(ADD_LOCAL_KEY),@mkdir -p $(TARGET_DIR)/$(IMAGE_KEY_DIR) && cp $(LOCAL_PUBLIC_KEY) $(TARGET_DIR)/$(IMAGE_KEY_DIR)/)
	$(if $(USER_FILES),@if [ -d $(USER_FILES) ]; then cp -fpR $(USER_FILES)/. $(TARGET_DIR)/; fi)
	@perl $(SCRIPT_DIR)/finalize-rootfs.pl $(DISABLED_SERVICES)

build_image: image_manifest
	@echo
	@echo 'Building images...'
	@rm -rf $(IMAGE_TMP_DIR)
	@mkdir -p $(IMAGE_TMP_DIR)
	@for knob in $(TARGET_DIR)/usr/lib/knobs/*.sh; do \
		if [ -e "$$knob" ]; then sh "$$knob" || exit; fi; \
	done
	@$(MAKE) -s $(ROOT_FILES)
	@perl $(SCRIPT_DIR)/make-images.pl

image_manifest: FORCE
	@$(LIST_INSTALLED) > $(BIN_DIR)/$(IMAGE_NAME).manifest
	$(if $(BILL_OF_MATERIALS),@perl $(SCRIPT_DIR)/make-bom.pl > $(BIN_DIR)/$(IMAGE_NAME).bom.cdx.json)

# One processor and fixed times: the same tree gives the same bytes.
$(KERNEL_BUILD_DIR)/root.squashfs: FORCE
	@rm -f $@
	@env -u SOURCE_DATE_EPOCH mksquashfs $(TARGET_DIR) $@ -noappend -all-root -no-xattrs -no-progress -comp gzip -processors 1 \
		-mkfs-time $(SOURCE_DATE_EPOCH) -all-time $(SOURCE_DATE_EPOCH)

$(KERNEL_BUILD_DIR)/root.ext4: FORCE
	@perl $(SCRIPT_DIR)/make-ext4.pl $(TARGET_DIR) $@

$(KERNEL_BUILD_DIR)/root.tar.gz: FORCE
	@$(call tar_root,$(TARGET_DIR)) | gzip -9n > $@

tar_root = tar -C $(1) -c --format=gnu --sort=name --numeric-owner --owner=0 --group=0 --mtime=@$(SOURCE_DATE_EPOCH) .

json_overview_image_info: FORCE
	@perl $(SCRIPT_DIR)/json-overview-image-info.pl

checksum: FORCE
	@echo
	@echo 'Calculating checksums...'
	@cd $(BIN_DIR) && rm -f sha256sums && find . -maxdepth 1 -type f ! -name sha256sums -printf '%P\n' \
		| sort | xargs sha256sum --binary > $(TMP_DIR)/sha256sums && mv $(TMP_DIR)/sha256sums sha256sums
