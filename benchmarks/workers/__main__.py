"""Workers against one process: `python -m benchmarks.workers equal|kill|driver|node|ray|speed|simulate|memory`.

equal: the weights after 30 outer steps of four tasks with 0, 1, 2 and 3 workers. kill: the same with two workers, one
of them killed at random moments. driver: the process killed at random moments, then `--resume`. node: a node of a
cluster of two taken away. ray: Ray itself killed, which is an error. speed: outer steps a second with one and two
workers. simulate: the driver's share with workers that only sleep. memory: of one process over many outer steps with
tasks that come and go.
"""

import argparse
import tempfile

from benchmarks.workers import kills, memory, simulation, speed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    what = ["equal", "kill", "driver", "node", "ray", "speed", "simulate", "memory", "one"]
    parser.add_argument("what", choices=what)
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--count", default="1,2,4,8,16,32,64")
    parser.add_argument("--rate", type=float, default=1000.0)
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--folder", default=None)
    parser.add_argument("--resume", action="store_true")
    given = parser.parse_args()
    from l2l_tf.commands import command_line

    command_line.import_tensorflow(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or scratch
        match given.what:
            case "equal":
                kills.equal(folder)
            case "kill":
                kills.kill(folder, given.times)
            case "driver":
                kills.driver(folder, given.times)
            case "node":
                kills.node(folder)
            case "ray":
                kills.ray(folder)
            case "speed":
                speed.speed(folder, given.steps)
            case "simulate":
                simulation.simulate(folder, [int(n) for n in given.count.split(",")], given.rate, given.size)
            case "memory":
                memory.memory(folder, given.steps)
            case "one":
                kills.one(folder, given.processes, given.resume)


if __name__ == "__main__":
    main()
