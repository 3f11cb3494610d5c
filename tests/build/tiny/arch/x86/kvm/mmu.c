/* SPDX-License-Identifier: GPL-2.0-only */
#include <linux/kvm_host.h>
#include <linux/kernel.h>

int kvm_mmu_reload(struct kvm_vcpu *vcpu)
{
	return PAGE_SIZE;
}
