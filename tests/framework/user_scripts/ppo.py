"""Proximal policy optimisation with an actor and a critic in one, generalised advantages and clipped ratios."""

import numpy as np
import torch
import torch.nn as nn
from torch.distributions import Categorical, Normal

LOG_STD_START = -0.5


def layer_init(layer, rng, std=np.sqrt(2)):
    weight = rng.standard_normal(tuple(layer.weight.shape))
    layer.weight.data = torch.tensor(std * weight / np.linalg.norm(weight, axis=1, keepdims=True), dtype=torch.float32)
    torch.nn.init.constant_(layer.bias, 0.0)
    return layer


class Agent(nn.Module):
    def __init__(self, rng, observations=4, actions=3):
        super().__init__()
        self.critic = nn.Sequential(
            layer_init(nn.Linear(observations, 16), rng),
            nn.Tanh(),
            layer_init(nn.Linear(16, 1), rng, std=1.0),
        )
        self.actor = nn.Sequential(
            layer_init(nn.Linear(observations, 16), rng),
            nn.Tanh(),
            layer_init(nn.Linear(16, actions), rng, std=0.01),
        )
        self.speed = layer_init(nn.Linear(observations, 1), rng, std=0.1)
        self.log_std = nn.Parameter(torch.full((1,), LOG_STD_START))

    def get_value(self, x):
        return self.critic(x)

    def get_action_and_value(self, x, action, speed):
        probs = Categorical(logits=self.actor(x))
        gauss = Normal(self.speed(x), self.log_std.exp().expand(x.shape[0], 1))
        log_prob = probs.log_prob(action) + gauss.log_prob(speed).sum(1)
        return log_prob, probs.entropy() + gauss.entropy().sum(1), self.critic(x)


def advantages_of(rewards, values, dones, next_value, gamma=0.99, gae_lambda=0.95):
    advantages = torch.zeros_like(rewards)
    lastgaelam = 0
    for t in reversed(range(len(rewards))):
        following = next_value if t == len(rewards) - 1 else values[t + 1]
        nonterminal = 1.0 - dones[t]
        delta = rewards[t] + gamma * following * nonterminal - values[t]
        advantages[t] = lastgaelam = delta + gamma * gae_lambda * nonterminal * lastgaelam
    return advantages, advantages + values


def main(steps=24, envs=2, epochs=2, clip_coef=0.2, ent_coef=0.01, vf_coef=0.5):
    rng = np.random.default_rng(8)
    agent = Agent(rng)
    optimizer = torch.optim.Adam(agent.parameters(), lr=2.5e-3, eps=1e-5)
    obs = torch.zeros((steps, envs, 4))
    actions, rewards, dones, values, logprobs = (torch.zeros((steps, envs)) for _ in range(5))
    speeds = torch.zeros((steps, envs, 1))
    log = []
    for iteration in range(2):
        optimizer.param_groups[0]["lr"] = (1.0 - iteration / 2) * 2.5e-3
        for step in range(steps):
            obs[step] = torch.Tensor(rng.standard_normal((envs, 4)))
            actions[step] = torch.from_numpy(rng.integers(0, 3, envs))
            speeds[step] = torch.from_numpy(rng.standard_normal((envs, 1)))
            with torch.no_grad():
                logprobs[step], _, value = agent.get_action_and_value(obs[step], actions[step], speeds[step])
                values[step] = value.flatten()
            rewards[step] = obs[step, :, 0] * (actions[step] - 1)
            dones[step] = torch.tensor(rng.random(envs) < 0.1).float()
        with torch.no_grad():
            next_value = agent.get_value(torch.Tensor(rng.standard_normal((envs, 4)))).reshape(1, -1)
            advantages, returns = advantages_of(rewards, values, dones, next_value)
        b_obs, b_actions, b_speeds = obs.reshape(-1, 4), actions.reshape(-1), speeds.reshape(-1, 1)
        b_logprobs, b_advantages, b_returns = logprobs.reshape(-1), advantages.reshape(-1), returns.reshape(-1)
        b_values = values.reshape(-1)
        b_inds = np.arange(steps * envs)
        for _ in range(epochs):
            rng.shuffle(b_inds)
            for start in range(0, steps * envs, 16):
                mb = b_inds[start : start + 16]
                newlogprob, entropy, newvalue = agent.get_action_and_value(b_obs[mb], b_actions[mb], b_speeds[mb])
                logratio = newlogprob - b_logprobs[mb]
                ratio = logratio.exp()
                with torch.no_grad():
                    approx_kl = ((ratio - 1) - logratio).mean()
                    clipfrac = ((ratio - 1.0).abs() > clip_coef).float().mean().item()
                mb_advantages = b_advantages[mb]
                mb_advantages = (mb_advantages - mb_advantages.mean()) / (mb_advantages.std() + 1e-8)
                pg_loss1 = -mb_advantages * ratio
                pg_loss2 = -mb_advantages * torch.clamp(ratio, 1 - clip_coef, 1 + clip_coef)
                pg_loss = torch.max(pg_loss1, pg_loss2).mean()
                newvalue = newvalue.view(-1)
                v_clipped = b_values[mb] + torch.clamp(newvalue - b_values[mb], -clip_coef, clip_coef)
                v_loss = 0.5 * torch.max((newvalue - b_returns[mb]) ** 2, (v_clipped - b_returns[mb]) ** 2).mean()
                loss = pg_loss - ent_coef * entropy.mean() + v_loss * vf_coef
                optimizer.zero_grad()
                loss.backward()
                norm = nn.utils.clip_grad_norm_(agent.parameters(), 0.5)
                optimizer.step()
                log.append((loss.item(), approx_kl.item(), clipfrac, norm.item()))
    sampled = Categorical(logits=agent.actor(b_obs)).sample()
    assert sampled.shape == b_actions.shape and 0 <= sampled.min() and sampled.max() < 3
    return {"log": log, "agent": agent.state_dict(), "returns": returns, "sampled": tuple(sampled.shape)}


if __name__ == "__main__":
    main()
