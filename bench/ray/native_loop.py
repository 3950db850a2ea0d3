"""A driver program in the cluster that calls an actor there: the least that Ray itself needs for small tasks."""

import json
import sys
import time

import ray


@ray.remote(num_cpus=0)
class Worker:
    def add(self, a, b):
        return a + b


def one_by_one(worker, count):
    for n in range(count):
        ray.get(worker.add.remote(n, 1))


def in_chunks(worker, count, chunk):
    for at in range(0, count, chunk):
        ray.get([worker.add.remote(n, 1) for n in range(at, min(count, at + chunk))])


def seconds(work, *args):
    began = time.perf_counter()
    work(*args)
    return time.perf_counter() - began


count, chunk = int(sys.argv[1]), int(sys.argv[2])
ray.init()
worker = Worker.remote()
one_by_one(worker, 100)
print(json.dumps({"one": seconds(one_by_one, worker, count), "chunks": seconds(in_chunks, worker, count, chunk)}))
