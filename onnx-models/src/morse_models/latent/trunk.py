"""Dash's own U-Net as Dot's trunk: the same parameters, with trained low-rank branches beside them."""

from __future__ import annotations

import copy

from torch import Tensor, nn

SKIPPED = ("conv_in", "conv_out", "conv_norm_out", "time_embedding", "class_embedding",
           "add_embedding", "encoder_hid_proj", "time_emb_proj")
"""Layers without a branch: outside of the trunk, or embeddings, whose change Dot adds itself."""


class LowRankLinear(nn.Module):
    """A frozen linear layer with a low-rank branch (Hu et al. 2021), never merged."""

    def __init__(self, base: nn.Linear, rank: int):
        super().__init__()
        self.base = base
        self.lora_down = nn.Linear(base.in_features, rank, bias=False)
        self.lora_up = nn.Linear(rank, base.out_features, bias=False)
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, x: Tensor, *rest: object) -> Tensor:
        """The shapes of the layer that it stands for."""
        return self.base(x) + self.lora_up(self.lora_down(x))


class LowRankConv(nn.Module):
    """The same beside a convolution: its kernel to ``rank`` channels, then 1x1."""

    def __init__(self, base: nn.Conv2d, rank: int):
        super().__init__()
        self.base = base
        self.lora_down = nn.Conv2d(
            base.in_channels, rank, base.kernel_size, base.stride, base.padding, bias=False
        )
        self.lora_up = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        nn.init.zeros_(self.lora_up.weight)

    def forward(self, x: Tensor, *rest: object) -> Tensor:
        """The shapes of the convolution that it stands for."""
        return self.base(x) + self.lora_up(self.lora_down(x))


def shared_copy(unet: nn.Module) -> nn.Module:
    """A copy of the modules that holds the very same parameters and buffers."""
    kept = {id(t): t for t in (*unet.parameters(), *unet.buffers())}
    return copy.deepcopy(unet, kept)


def add_branches(module: nn.Module, rank: int, least: int) -> int:
    """Puts a branch beside every linear layer and convolution wide enough to gain from one.

    Args:
        module: changed in place.
        rank: rank of the branches.
        least: layers with fewer input or output channels are left alone.

    Returns:
        how many were added.
    """
    added = 0
    for key, child in list(module.named_children()):
        if key in SKIPPED:
            continue
        if isinstance(child, nn.Linear) and min(child.in_features, child.out_features) >= least:
            setattr(module, key, LowRankLinear(child, rank))
            added += 1
        elif (isinstance(child, nn.Conv2d) and child.groups == 1
              and min(child.in_channels, child.out_channels) >= least):
            setattr(module, key, LowRankConv(child, rank))
            added += 1
        else:
            added += add_branches(child, rank, least)
    return added


class Trunk(nn.Module):
    """Down, middle and up blocks of a U-Net of diffusers, from feature map to feature map."""

    def __init__(self, unet: nn.Module, rank: int):
        super().__init__()
        for block in (*unet.down_blocks, *unet.up_blocks):
            if hasattr(block, "skip_conv"):
                raise ValueError(f"{type(block).__name__} (NCSN++) has a second path for pictures: "
                                 "Dot cannot be built around it")
        self.unet = shared_copy(unet)
        self.unet.requires_grad_(False)
        self.width: int = unet.conv_in.out_channels
        self.branches = sum(
            add_branches(part, rank, 2 * rank)
            for part in (self.unet.down_blocks, self.unet.mid_block, self.unet.up_blocks)
        )

    def embedding(self, sample: Tensor, timestep: Tensor, conditions: dict[str, Tensor]) -> Tensor:
        """Dash's time embedding at ``timestep`` with its conditions, [N, E], before activation."""
        unet = self.unet
        if hasattr(unet, "get_time_embed"):
            cond = conditions.get("timestep_cond")
            emb = unet.time_embedding(unet.get_time_embed(sample, timestep), cond)
            labels = unet.get_class_embed(sample, conditions.get("class_labels"))
            emb = emb if labels is None else emb + labels
            more = unet.get_aug_embed(
                emb, conditions.get("encoder_hidden_states"),
                {k: conditions[k] for k in ("text_embeds", "time_ids") if k in conditions},
            )
            return emb if more is None else emb + more
        emb = unet.time_embedding(unet.time_proj(timestep).to(sample.dtype))
        if unet.class_embedding is not None:
            emb = emb + unet.class_embedding(conditions["class_labels"]).to(sample.dtype)
        return emb

    def forward(self, h: Tensor, emb: Tensor, text: Tensor | None) -> Tensor:
        """[N, width, H, W] -> the same shape.

        Args:
            h: stands for the output of conv_in.
            emb: [N, E], as :meth:`embedding` gives it and Dot has added to.
            text: encoder_hidden_states, [N, L, D], for U-Nets with cross attention.
        """
        unet = self.unet
        states = [h]
        for block in unet.down_blocks:
            if getattr(block, "has_cross_attention", False):
                h, more = block(hidden_states=h, temb=emb, encoder_hidden_states=text)
            else:
                h, more = block(hidden_states=h, temb=emb)
            states += more
        if unet.mid_block is not None:
            if getattr(unet.mid_block, "has_cross_attention", False):
                h = unet.mid_block(h, emb, encoder_hidden_states=text)
            else:
                h = unet.mid_block(h, emb)
        for i, block in enumerate(unet.up_blocks):
            count = len(block.resnets)
            taken, states = tuple(states[-count:]), states[:-count]
            sized = {}
            if i < len(unet.up_blocks) - 1 and hasattr(block, "resolution_idx"):
                # Latents that halve to an odd side meet their own size again on the way up.
                sized = {"upsample_size": states[-1].shape[2:]}
            if getattr(block, "has_cross_attention", False):
                h = block(hidden_states=h, temb=emb, res_hidden_states_tuple=taken,
                          encoder_hidden_states=text, **sized)
            else:
                h = block(hidden_states=h, temb=emb, res_hidden_states_tuple=taken, **sized)
        return h


def is_own(name: str) -> bool:
    """Whether a parameter of Dot is Dot's own and not Dash's."""
    return not name.startswith("trunk.unet.") or ".lora_" in name
