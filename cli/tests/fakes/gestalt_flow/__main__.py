from fake_service import run

run("flow")
