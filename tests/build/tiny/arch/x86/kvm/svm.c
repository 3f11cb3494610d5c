/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/kvm_host.h>

static const char depends[] __attribute__((section(".modinfo"), used)) = "\0depends=kvm";

int svm_run(struct kvm_vcpu *vcpu);
int svm_run(struct kvm_vcpu *vcpu)
{
	return kvm_run(vcpu) + 1;
}
