"""Payment 2.30."""

from bot.demo.till import Order, Receipt, Tools

VERSION = "2.30"


async def pay(order: Order, tools: Tools) -> Receipt:
    """Take one payment: draw a number, look the order up, ask the card network, write ledger and journal."""
    number = await tools.ledger.draw(order.id)
    lease = await tools.pool.take(f"order {order.id}")
    try:
        before = lease.execute("SELECT number FROM payment WHERE orders = ?", (order.id,))
        if before:
            return Receipt(int(str(before[0][0])), "paid")
        await tools.authorise(order)
        tools.journal(order.id, order.cents)
        tools.ledger.write(lease, number, order.id, order.cents)
        return Receipt(number, "paid")
    finally:
        tools.pool.give_back(lease)
