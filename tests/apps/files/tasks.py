"""A task of 5 s. A worker that finds the file "wanted" sends itself one when it is ready."""
import os
import time

from celery import Celery
from celery.signals import worker_ready

app = Celery(broker="redis+socket://" + os.path.abspath("redis.sock"))


@app.task
def slow():
    open("begun", "w").close()
    time.sleep(5)
    open("done", "w").close()


@worker_ready.connect
def ready(**_):
    if os.path.exists("wanted"):
        slow.delay()
    open("up", "w").close()
