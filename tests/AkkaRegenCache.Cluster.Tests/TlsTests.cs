using System.Security.Cryptography.X509Certificates;
using Akka.Cluster;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;
using AkkaRegenCache.Cluster.Tests.Rig;
using AkkaRegenCache.Testing.Servers;
using Xunit;

namespace AkkaRegenCache.Cluster.Tests;

/// <summary>Mutual TLS between the nodes, as docs/operate/cluster.md shows it for an authority of one's own.</summary>
public sealed class TlsTests
{
    private static readonly Config s_tls = ConfigurationFactory.ParseString("akka.remote.dot-netty.tcp.enable-ssl = on");

    [Fact]
    public async Task Nodes_with_certificates_of_the_authority_are_a_farm_and_others_stay_out()
    {
        using var certificates = new Certificates();
        using var foreign = new Certificates();
        await using var one = new TestNode(s_tls, SetupOf(certificates, "server", certificates));
        await using var two = new TestNode(s_tls, SetupOf(certificates, "client", certificates));
        one.Cluster.Join(one.Cluster.SelfAddress);
        two.Cluster.Join(one.Cluster.SelfAddress);
        await TestCluster.AllUpAsync([one, two]);
        TestCache[] caches = [await one.StartAsync("tls"), await two.StartAsync("tls")];
        await TestCluster.ConnectedAsync(caches);
        await AssertIsFarmAsync(caches, "key");

        // One whose certificate is another authority's, and one that has none; both would take anybody in.
        await using var stranger = new TestNode(s_tls, SetupOf(foreign, "client", null));
        await using var plain = new TestNode();
        stranger.Cluster.Join(one.Cluster.SelfAddress);
        plain.Cluster.Join(one.Cluster.SelfAddress.WithProtocol(plain.Cluster.SelfAddress.Protocol));
        await Task.Delay(3000);

        Assert.All([one, two], node => Assert.Equal(2, node.Cluster.State.Members.Count));
        Assert.All([stranger, plain], node => Assert.DoesNotContain(node.Cluster.State.Members, member => member.Status == MemberStatus.Up));
        await AssertIsFarmAsync(caches, "after");
    }

    private static async Task AssertIsFarmAsync(TestCache[] caches, string key)
    {
        var runs = 0;
        var made = await Task.WhenAll(caches.Select(each => each.Cache.GetOrCreateAsync(key, async ct =>
        {
            await Task.Delay(100, ct);
            return $"run {Interlocked.Increment(ref runs)}";
        }).AsTask())).WaitAsync(Eventually.Patience);
        Assert.Equal(["run 1", "run 1"], made);
        await caches[0].Cache.SetAsync(key, "set");
        await Eventually.Holds(async () => (await caches[1].Cache.TryGetAsync<string>(key)).Value == "set", "the other node sees a set");
    }

    /// <param name="own">Where its certificate comes from.</param>
    /// <param name="name">Which one it has.</param>
    /// <param name="trusted">Whose certificates it accepts; null: any.</param>
    private static DotNettySslSetup SetupOf(Certificates own, string name, Certificates? trusted) => new(
        X509Certificate2.CreateFromPemFile(own.Certificate(name), own.Key(name)),
        suppressValidation: false,
        requireMutualAuthentication: true,
        (certificate, _, _, _, _) => trusted is null || (certificate is not null && IsOf(trusted, certificate)));

    private static bool IsOf(Certificates authority, X509Certificate2 certificate)
    {
        using var root = X509CertificateLoader.LoadCertificateFromFile(authority.Authority);
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(root);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return chain.Build(certificate);
    }
}
