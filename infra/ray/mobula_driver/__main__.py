"""`python -m mobula_driver`: begins the attempt, calls the task, reports the outcome; of several, each in its turn."""

from mobula_driver.path import hide_user_code, show_user_code


def main() -> None:
    hidden = hide_user_code()
    from mobula_driver.begin import begin
    from mobula_driver.drive import drive
    from mobula_driver.settings import take_attempts, take_settings
    from mobula_driver.shared import run_each

    attempts = take_attempts()
    if attempts:
        run_each(attempts)
    settings = take_settings()
    begun = begin(settings)
    show_user_code(hidden)
    drive(settings.url, begun)


if __name__ == "__main__":
    main()
