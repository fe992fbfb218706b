"""Has the vendor send device events to our gateway (`GATEWAY_URL`), or leaves the webhook that is there."""

import asyncio
import os

from providers.enode.client import EnodeClient
from providers.enode.hooks import Webhooks
from settings import Settings
from worker import enode_settings


async def main() -> None:
    settings = Settings()
    url = f"{os.environ['GATEWAY_URL'].rstrip('/')}/webhooks/enode"
    async with EnodeClient(enode_settings(settings)) as client:
        webhook = await Webhooks(client).keep_alive(url, settings.webhook_secret)
    print(f"webhook {webhook.id} at {webhook.url}: {'active' if webhook.is_active else 'inactive'}")


if __name__ == "__main__":
    asyncio.run(main())
