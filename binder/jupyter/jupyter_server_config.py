"""A Binder has 1 to 2 GB: kernels that no page holds any more make room."""

c = get_config()  # noqa: F821
c.MappingKernelManager.cull_idle_timeout = 300
c.MappingKernelManager.cull_interval = 30
c.MappingKernelManager.cull_connected = False
