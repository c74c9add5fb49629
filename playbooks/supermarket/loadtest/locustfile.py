"""Users of the supermarket: they look at the stock and wait one to two seconds between requests."""

from locust import HttpUser, between, task


class Customer(HttpUser):
    """One customer; Locust starts as many as the settings say."""

    wait_time = between(1, 2)

    @task
    def stock(self):
        self.client.get("/")
