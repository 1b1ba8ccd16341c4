"""The first model of the lecture: logistic regression with L2, every line of it by hand. Is the digit odd?

p = 1 / (1 + exp(-(X·w + b)))
loss = mean(-y·log p - (1 - y)·log(1 - p)) + λ·|w|²

python examples/logistic_regression.py --device accel
"""

import argparse

import weft


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="accel", choices=["accel", "cpu", "numpy"])
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    device = weft.device(options.device)

    split = weft.digits()
    images = weft.tensor(split.train_images).to(device)
    odd = weft.tensor((split.train_labels % 2).astype("float32")[:, None]).to(device)
    w = weft.zeros(64, 1, device=device).requires_grad_()
    b = weft.zeros(1, device=device).requires_grad_()
    rate, strength = 1.0, 0.0005

    @weft.jit  # take this line away, and the same loop runs operation by operation
    def step(x: weft.Tensor, y: weft.Tensor) -> weft.Tensor:
        z = x @ w + b
        # log(1 + exp(z)) - y·z is the loss above; taking out the larger part keeps exp from overflowing
        log_loss = weft.relu(z) + (1 + (-z.abs()).exp()).log() - y * z
        loss = log_loss.mean() + strength * (w * w).sum()
        w.grad = b.grad = None
        loss.backward()
        with weft.no_grad():
            for parameter in (w, b):
                if parameter.grad is not None:
                    parameter.assign(parameter - rate * parameter.grad)
        return loss

    for epoch in range(options.epochs):
        loss = step(images, odd)  # the whole training set at once: plain gradient descent
        if epoch % 10 == 0 or epoch == options.epochs - 1:
            print(f"epoch {epoch + 1}: loss {loss.item():.4f}")

    score = split.test_images @ w.numpy() + b.numpy()
    accuracy = ((score[:, 0] > 0) == (split.test_labels % 2 == 1)).mean()
    print(f"test accuracy on {options.device}: {accuracy:.2%}")


if __name__ == "__main__":
    main()
