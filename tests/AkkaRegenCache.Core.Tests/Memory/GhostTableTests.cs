using AkkaRegenCache.Memory;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Memory;

public sealed class GhostTableTests
{
    [Fact]
    public void An_evicted_key_is_remembered_once_with_its_queue_and_its_age()
    {
        GhostTable ghosts = new();
        ghosts.EnsureRoomFor(100);
        ghosts.Add(0x11111110, Ghost.OfSmall);
        ghosts.Add(0x22222220, Ghost.OfMain);
        ghosts.Add(0x33333330, Ghost.OfSmall);

        Assert.Equal((Ghost.OfSmall, 1u), (ghosts.Take(0x11111110, out uint age), age));
        Assert.Equal((Ghost.OfMain, 0u), (ghosts.Take(0x22222220, out age), age));
        Assert.Equal(Ghost.None, ghosts.Take(0x11111110, out _));
        Assert.Equal(Ghost.None, ghosts.Take(0x44444440, out _));
    }

    [Fact]
    public void Nearly_all_of_the_keys_there_is_room_for_are_remembered_and_survive_growth()
    {
        var random = new Random(1);
        uint[] hashes = [.. Enumerable.Range(0, 10_000).Select(_ => (uint)random.NextInt64(uint.MaxValue))];
        GhostTable ghosts = new();
        ghosts.EnsureRoomFor(10_000);
        foreach (uint hash in hashes)
            ghosts.Add(hash, Ghost.OfSmall);
        ghosts.EnsureRoomFor(20_000);

        Assert.InRange(hashes.Count(hash => ghosts.Take(hash, out _) == Ghost.OfSmall), 9_000, 10_000);
    }

    [Fact]
    public void However_many_are_evicted_the_memory_stays()
    {
        GhostTable ghosts = new();
        ghosts.EnsureRoomFor(1_000);
        int slots = ghosts.Slots;
        for (uint i = 0; i < 100_000; i++)
            ghosts.Add(i * 2_654_435_761, i % 2 == 0 ? Ghost.OfSmall : Ghost.OfMain);

        Assert.Equal(slots, ghosts.Slots);
        Assert.InRange(slots, 1_000, 1_300);
    }

    [Fact]
    public void Without_room_nothing_is_remembered()
    {
        GhostTable ghosts = new();
        ghosts.Add(1, Ghost.OfMain);

        Assert.Equal(Ghost.None, ghosts.Take(1, out _));
    }
}
