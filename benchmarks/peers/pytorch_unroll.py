"""The step in PyTorch: `python -m benchmarks.peers.pytorch_unroll VARIANT THREADS`, driven by `benchmarks.peers`.

Variants: "tape" back-propagates through everything; "replay" records the gradients on the way, then runs the LSTM over
them at once with `torch.nn.LSTM`, PyTorch's own fused kernels, and back-propagates through that alone; "compiled" is
"replay" with the roll-out's step under `torch.compile`.
"""

import sys

import numpy as np
import torch
from torch.nn import functional

from benchmarks.peers import work


class Optimizer(torch.nn.Module):
    """The coordinatewise LSTM."""

    def __init__(self):
        super().__init__()
        self.lstm = torch.nn.LSTM(2, work.HIDDEN, num_layers=2)
        self.linear = torch.nn.Linear(work.HIDDEN, 1)
        phi = {name: torch.from_numpy(array) for name, array in work.phi().items()}
        with torch.no_grad():  # PyTorch's order of the gates is the same
            for layer, (i, h, b) in enumerate((("i1", "h1", "b1"), ("i2", "h2", "b2"))):
                getattr(self.lstm, f"weight_ih_l{layer}").copy_(phi[i].T)
                getattr(self.lstm, f"weight_hh_l{layer}").copy_(phi[h].T)
                getattr(self.lstm, f"bias_ih_l{layer}").copy_(phi[b])
                getattr(self.lstm, f"bias_hh_l{layer}").zero_()
            self.linear.weight.copy_(phi["w"].T)
            self.linear.bias.copy_(phi["b"])

    def forward(self, gradients, state):
        """Gradients `[steps, n]` and the state to updates `[steps, n]` and the next state."""
        magnitudes = torch.log(gradients.abs() + np.finfo(np.float32).eps) / work.K
        features = torch.stack([magnitudes.clamp(min=-1), (gradients * np.exp(work.K)).clamp(-1, 1)], -1)
        outputs, state = self.lstm(features, state)
        return work.SCALE * self.linear(outputs)[..., 0], state


def step_function(variant):
    images, labels = (torch.from_numpy(array) for array in work.images_and_labels())
    theta = torch.cat([torch.from_numpy(array).reshape(-1) for array in work.theta().values()])
    sizes, shapes = [int(np.prod(shape)) for shape in work.SHAPES.values()], list(work.SHAPES.values())
    network = Optimizer()
    outer = torch.optim.Adam(network.parameters(), lr=work.LEARNING_RATE)
    generator = torch.Generator().manual_seed(0)

    def loss_of(theta, rows):
        w1, b1, w2, b2 = (part.view(shape) for part, shape in zip(theta.split(sizes), shapes))
        hidden = torch.sigmoid(torch.addmm(b1, images[rows].float() / 255, w1))
        return functional.cross_entropy(torch.addmm(b2, hidden, w2), labels[rows])

    def loss_and_gradient(theta, rows):
        theta = theta.detach().requires_grad_()
        loss = loss_of(theta, rows)
        return loss.detach(), torch.autograd.grad(loss, theta)[0]

    def zeros():
        return tuple(torch.zeros(2, work.NUM_COORDINATES, work.HIDDEN) for _ in "hc")

    def minibatches():
        return torch.randint(60_000, [work.STEPS + 1, work.BATCH], generator=generator)

    @torch.no_grad()
    def advance(gradient, state):
        update, state = network(gradient[None], state)
        return update[0], state

    if variant == "compiled":
        advance = torch.compile(advance)

    def tape():
        current, state, total = theta, zeros(), 0.0
        for t, rows in enumerate(minibatches()):
            loss = loss_of(current, rows)
            total = total + loss
            if t < work.STEPS:
                _, gradient = loss_and_gradient(current, rows)
                update, state = network(gradient[None], state)
                current = current + update[0]
        return total

    def replay():
        current, state, gradients, total = theta, zeros(), [], 0.0
        for t, rows in enumerate(minibatches()):
            loss, gradient = loss_and_gradient(current, rows)
            gradients.append(gradient)
            total += loss
            if t < work.STEPS:
                update, state = advance(gradient, state)
                current = current + update
        recorded = torch.stack(gradients)
        cotangents = recorded.flip(0).cumsum(0).flip(0)[1:]  # of u_t: the sum of the later gradients
        updates, _ = network(recorded[:-1], zeros())
        # The value is the meta-loss, the gradient that of sum_t <u_t, cotangent_t>.
        inner = (updates * cotangents).sum()
        return total + inner - inner.detach()

    def step():
        outer.zero_grad()
        total = tape() if variant == "tape" else replay()
        total.backward()
        outer.step()
        return float(total.detach())

    return step


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[2]))
    work.serve(step_function(sys.argv[1]))
