"""The cloud: ingest, visits, dispatch, messages, driver and manager pages, API and worker."""
