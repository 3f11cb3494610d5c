/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/kvm_host.h>

static const char depends[] __attribute__((section(".modinfo"), used)) = "\0depends=";

static const int old_unused = 1;

int kvm_run(struct kvm_vcpu *vcpu)
{
	return vcpu->hflags;
}
