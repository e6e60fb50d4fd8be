# AppArmor for executors of tier A-: what containerd's own profile grants, and mount, which a box needs inside its user
# namespace. Files and capabilities are bounded by the pod: read-only root, no capability, Landlock in the box.
abi <abi/3.0>,
include <tunables/global>

profile sentinel-executor flags=(attach_disconnected,mediate_deleted) {
  include <abstractions/base>

  network,
  file,
  mount,
  umount,
  pivot_root,
  userns,
  capability,
  signal (send, receive) peer=sentinel-executor,
  signal (receive) peer=unconfined,
  ptrace (trace, read) peer=sentinel-executor,

  deny /sys/firmware/** rwklx,
  deny /sys/kernel/security/** rwklx,
  deny @{PROC}/kcore rwklx,
  deny @{PROC}/sysrq-trigger rwklx,
  deny @{PROC}/sys/kernel/core_pattern w,
}
