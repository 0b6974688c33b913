# Deploys the examples to a Kubernetes cluster that runs bpfman, and shows what
# that would be. The Makefile, which includes this, has VERSION, REGISTRY, IMAGE_* and `quoted`.

# A row for each example, in the order of `deploy`: the word of its targets, its
# directory below config/*/, the X of its IMAGE_X_BC and IMAGE_X_US, and the names
# of its bytecode and userspace images. Those that it lacks are a `-`.
DEPLOYMENTS := \
	target:go-target:GT:-:go-target \
	tc:go-tc-counter:TC:go-tc-counter:go-tc-counter \
	tcx:go-tcx-counter:TCX:go-tcx-counter:go-tcx-counter \
	tracepoint:go-tracepoint-counter:TP:go-tracepoint-counter:go-tracepoint-counter \
	xdp:go-xdp-counter:XDP:go-xdp-counter:go-xdp-counter \
	xdp-ms:go-xdp-counter-sharing-map:XDP:go-xdp-counter:- \
	kprobe:go-kprobe-counter:KP:go-kprobe-counter:go-kprobe-counter \
	uprobe:go-uprobe-counter:UP:go-uprobe-counter:go-uprobe-counter \
	uretprobe:go-uretprobe-counter:URP:go-uretprobe-counter:go-uretprobe-counter \
	app:go-app-counter:APP:go-app-counter:go-app-counter

##@ Build and Deployment Variables (not commands)

TAG: ## Tag of all images, instead of TAG_* and IMAGE_*
ignore-not-found: ## true: undeploy what is not there as well (false)
KUBECTL: ## The program that speaks to the cluster (kubectl)
KUSTOMIZE: ## The program that renders (kustomize of LOCALBIN or PATH)
KUSTOMIZE_VERSION: ## The version to install (v5.8.1)
LOCALBIN: ## Where it is installed (./bin)
RELEASE_DIR: ## Where release files go (../target/release-yamls)

ignore-not-found ?= false
KUBECTL ?= kubectl
# `go install` takes none as old as v3.8.7, for its go.mod excludes versions; it
# renders the same where it is there.
KUSTOMIZE_VERSION ?= v5.8.1
LOCALBIN ?= $(CURDIR)/bin
RELEASE_DIR ?= $(CURDIR)/../target/release-yamls

# What is named is used; else one is found, or installed by need-kustomize.
ifeq ($(origin KUSTOMIZE),undefined)
KUSTOMIZE = $(shell PATH="$(LOCALBIN):$$PATH" command -v kustomize)
endif

WORDS := $(foreach row,$(DEPLOYMENTS),$(firstword $(subst :, ,$(row))))
WORDS_SELINUX := $(patsubst %,%-selinux,$(filter-out target,$(WORDS)))
RENDERS := $(patsubst %,render-%,$(WORDS) $(WORDS_SELINUX))
DEPLOYS := $(patsubst %,deploy-%,$(WORDS) $(WORDS_SELINUX))
UNDEPLOYS := $(patsubst %,undeploy-%,$(WORDS) $(WORDS_SELINUX))
RELEASES := $(patsubst %,release-%,$(WORDS) $(WORDS_SELINUX))

# In recipes, where `$*` is a word with or without `-selinux`.
field = $(word $(1),$(subst :, ,$(filter $(*:%-selinux=%):%,$(DEPLOYMENTS))))
directory = $(call field,2)
selinux = $(patsubst %-selinux,-selinux,$(filter %-selinux,$*))
# A release may keep manifests of its own, which name its images.
kept = $(if $(filter-out base default selinux,$(TAG)),$(patsubst config/%/kustomization.yaml,%,\
	$(wildcard config/$(TAG)$(selinux)/$(directory)/kustomization.yaml)))
overlay = $(or $(kept),$(if $(selinux),selinux,default)/$(directory))
# Arguments: the image's name, its organization, and the variable of its reference.
reference = $(if $(kept)$(filter -,$(1)),-,$(if $(TAG),$(REGISTRY)/$(2)/$(1):$(TAG),$($(3))))
bytecode = $(call reference,$(call field,4),bpfman-bytecode,IMAGE_$(call field,3)_BC)
userspace = $(call reference,$(call field,5),bpfman-userspace,IMAGE_$(call field,3)_US)
render = KUSTOMIZE=$(call quoted,$(KUSTOMIZE)) config/render.sh $(overlay) \
	$(call quoted,$(bytecode)) $(call quoted,$(userspace))

##@ Deployment

deploy: ## Deploy all examples, and name those which failed
undeploy: ## Remove all examples, and name those which failed
deploy-tc: ## Deploy go-tc-counter
deploy-tcx: ## Deploy go-tcx-counter
deploy-tracepoint: ## Deploy go-tracepoint-counter
deploy-xdp: ## Deploy go-xdp-counter
deploy-xdp-ms: ## Deploy the one sharing maps (first: deploy-xdp)
deploy-kprobe: ## Deploy go-kprobe-counter
deploy-uprobe: ## Deploy go-uprobe-counter (with deploy-target)
deploy-uretprobe: ## Deploy go-uretprobe-counter (with deploy-target)
deploy-app: ## Deploy go-app-counter (with deploy-target)
deploy-target: ## Deploy go-target, what the uprobes count in
deploy-xdp-selinux: ## The same for SELinux; so for all but target
undeploy-xdp: ## Remove what deploy-xdp deploys; so for each
render-xdp: ## Print what deploy-xdp applies; so for each
build-release-yamls: ## Write a file per example, for release VERSION

.PHONY: deploy undeploy build-release-yamls kustomize need-kustomize owner-of-maps
.PHONY: $(RENDERS) $(DEPLOYS) $(UNDEPLOYS) $(RELEASES)

$(RENDERS): render-%: need-kustomize
	@$(render)

# First all is rendered: the cluster sees nothing of what does not render whole.
$(DEPLOYS): deploy-%: need-kustomize
	@manifests=$$($(render)) && printf '%s\n' "$$manifests" | $(KUBECTL) apply -f -

$(UNDEPLOYS): undeploy-%: need-kustomize
	@manifests=$$($(render)) && printf '%s\n' "$$manifests" | \
		$(KUBECTL) delete --ignore-not-found=$(ignore-not-found) -f -

deploy-xdp-ms deploy-xdp-ms-selinux: owner-of-maps
owner-of-maps:
	@$(KUBECTL) get clusterbpfapplication go-xdp-counter-example --output name >/dev/null || { \
		echo 'error: go-xdp-counter-example, whose maps are shared, was not found' >&2; \
		echo 'hint: deploy it first: `make deploy-xdp`' >&2; \
		exit 1; \
	}

# What shares maps is deployed after their owner, and removed before it.
reverse = $(if $(1),$(call reverse,$(wordlist 2,$(words $(1)),$(1))) $(firstword $(1)))
deploy: in_order = $(WORDS)
undeploy: in_order = $(call reverse,$(WORDS))
deploy undeploy: need-kustomize
	@failed=; for word in $(in_order); do \
		$(MAKE) --no-print-directory $@-$$word || failed+=" $@-$$word"; \
	done; \
	[ -z "$$failed" ] || { echo "error: failed:$$failed" >&2; exit 1; }

build-release-yamls: $(RELEASES)
$(RELEASES): override TAG = v$(VERSION:v%=%)
$(RELEASES): release-%: need-kustomize
	@[ -n '$(VERSION)' ] || { echo 'error: VERSION is not set' >&2; exit 2; }; \
	file="$(RELEASE_DIR)/$(directory)-install$(selinux)-$(TAG).yaml" && \
	manifests=$$($(render)) && mkdir -p "$(RELEASE_DIR)" && \
	printf '%s\n' "$$manifests" >"$$file" && echo "wrote $$file"

deploy-% undeploy-% render-%:
	@echo 'error: there is no example `$*`' >&2; \
	echo 'hint: there are $(WORDS); with `-selinux`, all but target' >&2; \
	exit 2

# GOOS and GOARCH are those of the images; kustomize runs here.
kustomize:
	@command -v go >/dev/null || { \
		echo 'error: neither kustomize was found nor Go, to install it' >&2; \
		echo "hint: install one of them, or use kubectl's: \`KUSTOMIZE='kubectl kustomize'\`" >&2; \
		exit 3; \
	}
	GOBIN="$(LOCALBIN)" GOOS= GOARCH= GOFLAGS=-trimpath GOTOOLCHAIN=local CGO_ENABLED=0 \
		go install sigs.k8s.io/kustomize/kustomize/v5@$(KUSTOMIZE_VERSION)

need-kustomize:
	@[ -n '$(KUSTOMIZE)' ] || $(MAKE) --no-print-directory kustomize >&2
