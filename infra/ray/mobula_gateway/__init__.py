"""Mobula's gateway: a Ray Serve application that runs attempts on warm processes.

`app.build` is what Serve imports. A dispatcher takes attempts over HTTP and hands them out; workers begin them, run them
and report to the app by themselves, so that nothing that has begun depends on the dispatcher.
"""
