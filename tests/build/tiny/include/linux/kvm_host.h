/* SPDX-License-Identifier: GPL-2.0-only */
struct kvm_vcpu {
	int hflags;
};
int kvm_run(struct kvm_vcpu *vcpu);
int kvm_mmu_reload(struct kvm_vcpu *vcpu);
