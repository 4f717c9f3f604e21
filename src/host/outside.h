// What judges packets beside nftables' chains, and so is no part of the model of them.
#pragma once

#include <string>
#include <vector>

namespace quay {

// Legacy iptables, ip6tables, arptables and ebtables, XDP programs, filters of tc (tcx programs and
// those of ingress, clsact and other queues, but not those below a class), bridges and what
// br_netfilter does for them, and BPF programs that cgroups have for packets. A short sentence
// each: "legacy iptables: table filter (IPv4)", "XDP program on eth0". What the kernel refuses to
// tell is a sentence too, with its reason. None of it is asked in a way that loads a module.
// Takes about half a millisecond with ten interfaces and forty cgroups.
//
// Looks at the network namespace that the calling thread is in, without keeping anything. cgroups
// are asked by bpf(2), which wants CAP_NET_ADMIN; the names of legacy tables are for root's eyes.
// Not seen: BPF programs on netfilter's hooks, kernel modules that have a hook of their own, such
// as IPVS, and legacy ebtables that are built into the kernel.
std::vector<std::string> outside_filters();

}  // namespace quay
