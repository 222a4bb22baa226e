"""Compile the batched step for an H100 description; no GPU is needed. Run by `test_gpu`.

Arguments: folder for the dumped kernels, number of lanes. Prints one JSON line.
"""

import json
import os
import sys

from tests.solve.tiny import batched_step

H100 = """
gpu_device_info {
  cuda_compute_capability { major: 9 }
  core_count: 132
  fpus_per_core: 128
  clock_rate_ghz: 1.98
  memory_bandwidth: 3352320000000
  device_memory_size: 84929347584
  l2_cache_size: 52428800
  threads_per_warp: 32
  threads_per_block_limit: 1024
  threads_per_core_limit: 2048
  block_dim_limit_x: 2147483647
  block_dim_limit_y: 65535
  block_dim_limit_z: 65535
  shared_memory_per_block: 49152
  shared_memory_per_block_optin: 232448
  shared_memory_per_core: 233472
  registers_per_core_limit: 65536
  registers_per_block_limit: 65536
}
runtime_version { major: 12 minor: 8 }
dnn_version_info { major: 9 minor: 7 }
platform_name: "CUDA"
device_description_str: "NVIDIA H100 80GB HBM3"
"""


def main(lanes: int) -> None:
    import jax
    from jax.experimental import topologies
    from jax.sharding import NamedSharding, PartitionSpec

    step, arrays = batched_step(lanes)
    described = topologies.get_topology_desc(platform="cuda", target_config=H100, topology="1x1x1")
    mesh = topologies.make_mesh(described, (1,), ("d",))
    there = NamedSharding(mesh, PartitionSpec())
    shapes = jax.tree.map(
        lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=there), arrays
    )
    lowered = jax.jit(step).trace(shapes).lower(lowering_platforms=("cuda",))
    plan = lowered.compile().memory_analysis()
    sys.stdout.write(
        json.dumps(
            {
                "lanes": lanes,
                "arguments_MB": plan.argument_size_in_bytes / 1e6,
                "results_MB": plan.output_size_in_bytes / 1e6,
                "temporary_MB": plan.temp_size_in_bytes / 1e6,
            }
        )
    )


if __name__ == "__main__":
    os.environ.setdefault("JAX_SKIP_CUDA_CONSTRAINTS_CHECK", "1")
    main(int(sys.argv[1]))
