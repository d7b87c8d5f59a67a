using System.Text;
using AkkaRegenCache.Storage;
using Xunit;

namespace AkkaRegenCache.Core.Tests.Storage;

/// <summary>Where a store is made of documents: which go, which stay, and which are not its own.</summary>
public sealed class CompareAndSetDocumentsTests : CompareAndSetRig
{
    [Fact]
    public async Task A_document_that_is_gone_is_a_key_never_known_and_tokens_go_up_all_the_same()
    {
        var written = await Write("value");
        var claim = await Claim(reason: ClaimReason.Refresh);
        Clock.Advance(TimeSpan.FromMilliseconds(1));
        Documents.Remove(Documents.NameOf("key"));

        Assert.Null(await Read());
        Assert.False((await Commit(claim.Token, "made under a lost claim")).Accepted);
        var next = await Claim();
        Assert.True(next.Token > claim.Token && claim.Token > written.Token);
        Assert.Equal(written.Epoch, next.Epoch);
    }

    [Fact]
    public async Task A_store_that_was_emptied_has_another_epoch_within_a_second_and_for_whoever_asks_for_a_sign_of_life_at_once()
    {
        var claim = await Claim();
        foreach (var name in Documents.Names)
            Documents.Remove(name);

        var sign = await Store.TouchAsync([]);
        Assert.NotEqual(claim.Epoch, sign.Epoch);
        Assert.Equal(sign.Epoch, (await Claim()).Epoch);

        foreach (var name in Documents.Names)
            Documents.Remove(name);
        Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEqual(sign.Epoch, (await Store.ReadAsync(new ReadRequest { Key = "key" })).Epoch);
    }

    [Fact]
    public async Task The_epochs_document_is_kept_alive()
    {
        var epoch = (await Store.TouchAsync([])).Epoch;
        for (var day = 0; day < 100; day++)
        {
            Clock.Advance(TimeSpan.FromDays(1));
            Assert.Equal(epoch, (await Store.TouchAsync([])).Epoch);
        }
    }

    [Fact]
    public async Task A_document_lives_as_long_as_anything_in_it_is_of_use()
    {
        await Write("value");
        Assert.InRange(Documents.LastLife, TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20));
        await Write("value", new StoreSchedule { FreshFor = TimeSpan.FromHours(1) });
        Assert.InRange(Documents.LastLife, TimeSpan.FromHours(1), TimeSpan.FromHours(1.01));
        var hour = TimeSpan.FromHours(1);
        await Write("value", new StoreSchedule { FreshFor = hour, Interval = hour * 0.9, ActiveFor = TimeSpan.FromDays(2) });
        Assert.InRange(Documents.LastLife, TimeSpan.FromDays(2), TimeSpan.FromDays(2.01));
    }

    [Fact]
    public async Task A_document_of_somebody_else_counts_as_none_with_one_warning_and_is_overwritten()
    {
        await Write("value");
        var name = Documents.NameOf("key");
        foreach (var foreign in (byte[][])[[], [1], Encoding.UTF8.GetBytes("{\"json\":true}"), [.. Documents[name].AsSpan(0, 30)]])
        {
            Documents[name] = foreign;
            Assert.Null(await Read());
            Assert.Equal(default, (await Store.CheckAsync(["key"])).Checks[0]);
            Assert.True((await Commit((await Claim()).Token, "ours")).Accepted);
            Assert.Equal("ours", await Read());
        }

        Assert.Single(Log.Messages);
        Assert.Contains(name, Log.Messages[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_keys_document_is_nobodys_and_so_is_one_with_more_behind_it()
    {
        await Write("value");
        var bytes = Documents[Documents.NameOf("key")];
        await Store.ClaimAsync(new ClaimRequest { Key = "other", Operation = Op(), Owner = "node", Lease = TimeSpan.FromSeconds(3) });
        Documents[Documents.NameOf("other")] = bytes;
        Assert.Null(await Read("other"));
        Documents[Documents.NameOf("key")] = [.. bytes, 0];
        Assert.Null(await Read());
    }

    [Fact]
    public async Task What_a_newer_version_wrote_is_left_alone_and_refused_with_one_warning()
    {
        await Write("value");
        var name = Documents.NameOf("key");
        var bytes = Documents[name].ToArray();
        bytes[4]++;
        Documents[name] = bytes;

        await Assert.ThrowsAsync<StoreRefusedException>(async () => await Read());
        await Assert.ThrowsAsync<StoreRefusedException>(async () => await Claim());
        await Assert.ThrowsAsync<StoreRefusedException>(async () => await Write("older"));
        Assert.Equal([TokenCheck.Unknown, default], (await Store.CheckAsync(["key", "another"])).Checks);
        Assert.Equal(bytes, Documents[name]);
        Assert.Single(Log.Messages);
    }
}
