"""The plainest application of Ray Serve: a route that does the task in the process that serves it."""

from ray import serve


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0})
class Plain:
    async def __call__(self, request):
        wish = await request.json()
        return wish["a"] + wish["b"]


app = Plain.bind()
